"""The corporate actions that returns are adjusted for, as JSON values: a run keeps them among its parameters."""

from datetime import date

from lakehouse.quality.actions import Action
from lakehouse.settings import PostgresSettings
from lakehouse.stores import price_actions


def active(section: PostgresSettings) -> list[dict[str, str]]:
    """Every action that holds: symbol, ex_date, and by which scale and after which cash a close before it counts."""
    return [told(action) for action in price_actions.active(section)]


def touched_years(before: list[dict[str, str]], now: list[dict[str, str]]) -> set[int]:
    """The years whose returns differ between the two lists; an ex-date's first bar may be in the year after."""
    one, other = ({tuple(sorted(each.items())) for each in found} for found in (before, now))
    years = {date.fromisoformat(dict(each)["ex_date"]).year for each in one ^ other}
    return years | {year + 1 for year in years}


def told(action: Action) -> dict[str, str]:
    """The action as a run keeps it."""
    return {
        "symbol": action.symbol,
        "ex_date": action.ex_date.isoformat(),
        "scale": repr(float(action.scale)),
        "cash": str(action.amount or 0),
    }
