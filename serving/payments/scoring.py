"""The fraud check of payments, off the event loop: by the trained model in use, otherwise by rules and by forests that
are trained in a thread and kept while they are the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from ml.checks import fraud
from ml.checks.champion import Champion
from ml.checks.fraud import Attempt, Forest, Paid, Verdict
from ml.checks.learned import Judge
from ml.features.payments import payment_features
from serving.payments.repository import PaymentRepository

KEPT_FORESTS: Final = 256

Key = tuple[UUID, str, int]


class Scoring:
    """Judges payments by their account's past. One a process; what it keeps may be lost at any time."""

    def __init__(self, repository: PaymentRepository, champion: Champion) -> None:
        self._repository = repository
        self._champion = champion
        self._kept: OrderedDict[Key, Forest] = OrderedDict()

    async def forest(self, owner_id: UUID, account_id: UUID, currency: str) -> Forest | None:
        """What is usual for the owner's account; None where its history is too short, and where a trained model judges.
        Raises PostgresUnavailable.

        Call it outside of a transaction: to train one takes a tenth of a second.
        """
        if self._champion.judge is not None:
            return None
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

    async def judge(self, attempt: Attempt, past: Sequence[Paid], forest: Forest | None) -> Verdict:
        """The verdict; with a model or a forest it is computed in a thread."""
        model = self._champion.judge
        if model is None and forest is None:
            return fraud.assess(attempt, past)
        return await asyncio.to_thread(_judge, attempt, past, forest, model)


def _judge(attempt: Attempt, past: Sequence[Paid], forest: Forest | None, model: Judge | None) -> Verdict:
    learned = None if model is None else model.one(payment_features(attempt, past))
    return fraud.assess(attempt, past, forest, learned)
