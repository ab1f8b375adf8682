"""Walk-forward splits that end with the newest day: the last fold's test is what a candidate is judged on."""

from lakehouse.backtest.splits import Fold, WalkForward
from lakehouse.risk.checks import InvalidParameter, require_count


def last_folds(
    days: int, *, folds: int, test: int, embargo: int, purge: int = 1, least_train: int = 2
) -> tuple[Fold, ...]:
    """`folds` tests of `test` days each, one after the other, the last ending with day `days` - 1. Each is trained on
    all days before it but the `purge` that its target reaches into and the `embargo` after those.

    Raises InvalidParameter where the first fold would have fewer than `least_train` days to train on.
    """
    for name, value in (("folds", folds), ("test", test), ("least_train", least_train)):
        require_count(name, value)
    train = days - folds * test - purge - embargo
    if train < least_train:
        raise InvalidParameter(
            f"{days} days leave {train} to train the first of {folds} folds of {test}: {least_train} are needed"
        )
    plan = WalkForward(train=train, test=test, purge=purge, embargo=embargo, expanding=True)
    return tuple(plan.folds(days))
