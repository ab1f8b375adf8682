"""Gold: what shocks would do to a portfolio, and why its day went as it did. Beside gold.portfolio_risk_v1."""

from lakehouse.contracts.model import Column, Engine, Table, Type
from lakehouse.contracts.tables.gold import BOTH, RUN_ID, WORTH, base_money
from lakehouse.contracts.tables.risk import CURRENCY, DAY, NAME, PORTFOLIO

KINDS = ("historical", "hypothetical", "reverse")
ITEM_KINDS = ("instrument", "cash", "portfolio")
PARTS = ("price", "fx", "new_trades", "income", "fees", "rounding", "unexplained")
"""Parts of a day's gain, in columns `<part>_base`; in the order in which lakehouse.risk.pnl_explain rounds them."""


def _money(name: str, doc: str) -> Column:
    return base_money(name, doc, nullable=True)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


STRESS = Table(
    name="gold.stress_v1",
    doc="What crises of the past and shocks made up would do to every portfolio, and how near a large loss is.",
    grain="business_date, portfolio, kind, scenario",
    owner="risk",
    columns=(
        DAY,
        PORTFOLIO,
        NAME,
        CURRENCY,
        Column(
            "kind",
            Type.STRING,
            "historical (a window of the past), hypothetical (shocks made up) or reverse (a loss, and how far it is)",
        ),
        Column("scenario", Type.STRING, "name: lakehouse.risk.scenarios"),
        Column("title", Type.STRING, "what it is, in words"),
        _money("value_base", f"sum of {WORTH}; absent where a holding has no close or no rate"),
        _money("pnl_base", "at its end, holdings unchanged; negative for a loss, absent where unmeasured"),
        _money("worst_base", "at the lowest close on the way, at most 0; of history only"),
        Column("worst_date", Type.DATE, "day of that close; the first one where nothing was lost", nullable=True),
        Column("first_date", Type.DATE, "close that the moves begin at; of history only", nullable=True),
        Column("last_date", Type.DATE, "close that they end at; of history only", nullable=True),
        Column(
            "distance",
            Type.FLOAT64,
            "standard deviations of a day from no move to the nearest moves that lose it; of reverse only",
            nullable=True,
        ),
        Column("detail", Type.STRING, "the three holdings that lose most, with their part of pnl_base"),
        Column("reason", Type.STRING, "why it is unmeasured; empty where it is measured"),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id", "kind", "scenario"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=(
        _one_of("kind", KINDS),
        "(pnl_base IS NULL AND reason <> '') OR (pnl_base IS NOT NULL AND reason = '')",
        "worst_base IS NULL OR (worst_base <= 0 AND worst_base <= pnl_base)",
        "distance IS NULL OR distance > 0",
    ),
)

PNL_EXPLAIN = Table(
    name="gold.pnl_explain_v1",
    doc="Why every portfolio gained or lost since the close before: parts that sum to the total, to the cent.",
    grain="business_date, portfolio, item; the rows of a portfolio add up to its day",
    owner="risk",
    columns=(
        DAY,
        PORTFOLIO,
        NAME,
        CURRENCY,
        Column("previous_date", Type.DATE, "the close before; absent where none is known", nullable=True),
        Column(
            "item_kind",
            Type.STRING,
            "instrument, cash (of another currency, and what no instrument caused), or portfolio (one unmeasured)",
        ),
        Column("item", Type.STRING, "symbol or ISO 4217 code; empty for a portfolio"),
        _money("value_before_base", "its worth at the close before; absent where unmeasured"),
        _money("value_after_base", "its worth at the close"),
        _money("total_base", "what it gained: the sum of the parts; negative for a loss"),
        _money("price_base", "units held at the close before, times the change of the price"),
        _money("fx_base", "the same units and cash, times the change of the exchange rate"),
        _money("new_trades_base", "units traded since, from their price to the close"),
        _money("income_base", "dividends and interest"),
        _money("fees_base", "fees and taxes, negative"),
        _money("rounding_base", "what rounding each worth and cost to minor units adds"),
        _money("unexplained_base", "units that came or went without a transaction, at the close"),
        Column(
            "basis",
            Type.STRING,
            "where the units of the close before are from: copy (silver.positions_v1), or undone (today's less trades)",
        ),
        Column("reason", Type.STRING, "why the portfolio's day is unmeasured; empty where it is measured"),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id", "item_kind", "item"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=(
        _one_of("item_kind", ITEM_KINDS),
        "(total_base IS NULL AND reason <> '') OR (total_base IS NOT NULL AND reason = '')",
        f"total_base IS NULL OR total_base = {' + '.join(f'{part}_base' for part in PARTS)}",
    ),
)

TABLES = (STRESS, PNL_EXPLAIN)
