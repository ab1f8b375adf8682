"""Why every portfolio gained or lost, as rows of gold.pnl_explain_v1 without date and run. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from lakehouse.contracts.tables.stress import PARTS
from lakehouse.domain.currency import CurrencyError, from_minor
from lakehouse.risk.pnl_explain import Part
from spark_jobs.kit.holdings import Copied, Unmeasured
from spark_jobs.stress_explain.day import Day, Item, explained
from spark_jobs.stress_explain.market import TwoCloses
from spark_jobs.stress_explain.parameters import Booked

Row = dict[str, Any]


def explain_rows(
    before: Mapping[str, Copied], after: Mapping[str, Copied], market: TwoCloses, booked: Booked
) -> Iterator[Row]:
    """The rows of every portfolio that held something at one of the two closes, by portfolio and item.

    `before`: the copy of the close before, empty where nobody made one; a portfolio that it lacks held nothing then.
    """
    portfolios = {**before, **after}
    for key in sorted(portfolios):
        of, units = portfolios[key], after[key].units if key in after else {}
        then = None if not before else before[key].units if key in before else {}
        day = Day(of.base_currency, then, units, booked.facts.get(key, ()), booked.cash.get(key, {}))
        told = {
            "portfolio_id": of.id,
            "portfolio_name": of.name,
            "base_currency": of.base_currency,
            "previous_date": market.previous,
            "basis": day.basis,
            "reason": "",
        }
        try:
            items = explained(day, market)
        except (Unmeasured, CurrencyError) as error:
            yield {**told, "item_kind": "portfolio", "item": "", "basis": "", "reason": str(error)}
            continue
        yield from ({**told, **_numbers(item, of.base_currency)} for item in items)


def _numbers(item: Item, base: str) -> Row:
    found = item.explained
    amounts = {"value_before": item.before, "value_after": item.after, "total": found.total}
    amounts |= {name: found.parts[Part(name)] for name in PARTS}
    return {
        "item_kind": "cash" if item.is_cash else "instrument",
        "item": found.name,
        **{f"{name}_base": from_minor(minor, base) for name, minor in amounts.items()},
    }
