"""Generated orders as the surveillance model learns from them."""

from collections.abc import Iterator
from datetime import date

from lakehouse.trading.observation import MAX_HISTORY
from ml.checks.surveillance import MIN_HISTORY, judge
from ml.features.trades import trade_features
from ml.training.histories.trades import AccountOrders, order_histories
from ml.training.scoring import Case, Sample, sample_of


def orders(*, seed: int, accounts: int, first: date, days: int) -> Sample:
    """Every order that has a history long enough to be judged by. Every abuse has the stake 1."""
    found = order_histories(seed=seed, accounts=accounts, first=first, days=days)
    return sample_of(case for account in found for case in _cases(account))


def _cases(account: AccountOrders) -> Iterator[Case]:
    for place in range(MIN_HISTORY, len(account.orders)):
        order, known = account.orders[place], account.orders[max(0, place - MAX_HISTORY) : place]
        yield Case(trade_features(order, known), place in account.abuses, order.at, 1.0, judge(order, known).score)
