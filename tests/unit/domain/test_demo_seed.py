"""The demo's holdings are those of the price set that it feeds."""

from decimal import Decimal

from skfolio.datasets import load_sp500_dataset

from lakehouse.clock import epoch_us
from lakehouse.migrations.postgres.demo import INSTRUMENTS, OPENED_AT, PORTFOLIOS


def test_the_instruments_are_those_of_the_price_set() -> None:
    assert [instrument.symbol for instrument in INSTRUMENTS] == sorted(load_sp500_dataset().columns)


def test_ids_are_uuid7_of_the_day_they_were_opened() -> None:
    for portfolio in PORTFOLIOS:
        assert portfolio.id.version == 7
        assert portfolio.id.int >> 80 == epoch_us(OPENED_AT) // 1000


def test_one_holds_all_names_long_and_one_is_short_some() -> None:
    core, income, long_short = (dict(portfolio.holdings) for portfolio in PORTFOLIOS)
    assert set(core) == {instrument.symbol for instrument in INSTRUMENTS}
    assert min(core.values()) > 0
    assert min(income.values()) > 0
    assert {symbol for symbol, units in long_short.items() if units < Decimal(0)} == {"CVX", "RRC", "XOM"}
