"""The fraud check of payments, off the event loop: forests are trained in a thread and kept while they are the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from ml.checks import fraud
from ml.checks.fraud import Attempt, Forest, Paid, Verdict
from serving.payments.repository import PaymentRepository

KEPT_FORESTS: Final = 256

Key = tuple[UUID, str, int]


class Scoring:
    """Judges payments by their account's past. One a process; what it keeps may be lost at any time."""

    def __init__(self, repository: PaymentRepository) -> None:
        self._repository = repository
        self._kept: OrderedDict[Key, Forest] = OrderedDict()

    async def forest(self, owner_id: UUID, account_id: UUID, currency: str) -> Forest | None:
        """What is usual for the owner's account; None where its history is too short. Raises PostgresUnavailable.

        Call it outside of a transaction: to train one takes a tenth of a second.
        """
        total = await self._repository.total(owner_id, account_id, currency)
        key = (account_id, currency, fraud.trained_on(total))
        if not key[2]:
            return None
        if key not in self._kept:
            past = await self._repository.past(owner_id, account_id, currency)
            trained = await asyncio.to_thread(fraud.train, fraud.training_window(past, max(total, len(past))))
            if trained is None:
                return None
            self._keep(key, trained)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _keep(self, key: Key, forest: Forest) -> None:
        self._kept[key] = forest
        while len(self._kept) > KEPT_FORESTS:
            self._kept.popitem(last=False)

    @staticmethod
    async def judge(attempt: Attempt, past: Sequence[Paid], forest: Forest | None) -> Verdict:
        """The verdict; with a forest it is computed in a thread."""
        if forest is None:
            return fraud.assess(attempt, past)
        return await asyncio.to_thread(fraud.assess, attempt, past, forest)
