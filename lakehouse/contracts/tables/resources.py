"""Preferences, watchlists, terms of bonds and options, and the objectives of portfolios, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)
VERSIONED = (
    Column("version", Type.INT32, "goes up by one with each change"),
    Column("created_at", Type.TIMESTAMP, "when it was made"),
    Column("updated_at", Type.TIMESTAMP, "when it last changed"),
)


def _fraction(name: str, doc: str) -> Column:
    return Column(name, Type.DECIMAL, doc, nullable=True, unit="fraction, 0 to 1", precision=9, scale=8)


WATCHLIST = Table(
    name="app.watchlist",
    doc="Instruments that a user follows together.",
    grain="id",
    owner="resources",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that owns it"),
        Column("name", Type.STRING, "unique among its owner's watchlists"),
        Column("description", Type.STRING, "what it is for"),
        *VERSIONED,
    ),
    key=("id",),
    stores=POSTGRES,
)

WATCHLIST_ITEM = Table(
    name="app.watchlist_item",
    doc="An instrument on a watchlist, once.",
    grain="id",
    owner="resources",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("watchlist_id", Type.UUID, "watchlist"),
        Column("owner_id", Type.UUID, "user that owns the watchlist"),
        Column("symbol", Type.STRING, "instrument"),
        Column(
            "target_price",
            Type.DECIMAL,
            "price that the owner waits for",
            nullable=True,
            unit="instrument currency per unit",
            precision=18,
            scale=8,
        ),
        Column("note", Type.STRING, "the owner's remark"),
        *VERSIONED,
    ),
    key=("id",),
    stores=POSTGRES,
)

USER_PREFERENCE = Table(
    name="app.user_preference",
    doc="How a user wants to see things: one row for each user and key.",
    grain="id",
    owner="resources",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that owns it"),
        Column("key", Type.STRING, "which set it is: default, or the name of a device"),
        Column("theme", Type.STRING, "system, light or dark"),
        Column("base_currency", Type.STRING, "ISO 4217 code in which totals are shown"),
        Column("locale", Type.STRING, "BCP 47 language tag, by which numbers and dates are written"),
        Column("timezone", Type.STRING, "IANA name of the zone in which times are shown"),
        Column("notify_fills", Type.BOOL, "whether fills are told"),
        Column("notify_alerts", Type.BOOL, "whether risk and price alerts are told"),
        Column("notify_reports", Type.BOOL, "whether finished reports are told"),
        *VERSIONED,
    ),
    key=("id",),
    stores=POSTGRES,
)

BOND = Table(
    name="app.bond",
    doc="The terms of an instrument that is a bond.",
    grain="id",
    owner="resources",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("symbol", Type.STRING, "instrument, of the kind bond"),
        Column("issuer", Type.STRING, "who owes"),
        Column("isin", Type.STRING, "ISO 6166 number", nullable=True),
        Column(
            "face_value",
            Type.DECIMAL,
            "what a unit repays at maturity",
            unit="instrument currency",
            precision=18,
            scale=8,
        ),
        Column(
            "coupon_rate", Type.DECIMAL, "interest of a year on the face value", unit="fraction", precision=9, scale=8
        ),
        Column("coupons_per_year", Type.INT32, "payments of interest in a year: 0, 1, 2, 4 or 12"),
        Column("day_count", Type.STRING, "how days are counted: 30/360, act/360, act/365 or act/act"),
        Column("issued_on", Type.DATE, "first day of interest"),
        Column("matures_on", Type.DATE, "day of repayment"),
        Column("is_callable", Type.BOOL, "whether the issuer may repay early"),
        *VERSIONED,
    ),
    key=("id",),
    stores=POSTGRES,
)

OPTION_CONTRACT = Table(
    name="app.option_contract",
    doc="The terms of an instrument that is an option.",
    grain="id",
    owner="resources",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("symbol", Type.STRING, "instrument, of the kind option"),
        Column("underlying", Type.STRING, "instrument that it is a right on"),
        Column("option_right", Type.STRING, "call or put"),
        Column("style", Type.STRING, "american or european"),
        Column(
            "strike", Type.DECIMAL, "price of exercise", unit="underlying's currency per unit", precision=18, scale=8
        ),
        Column("expires_on", Type.DATE, "last day of exercise"),
        *VERSIONED,
    ),
    key=("id",),
    stores=POSTGRES,
)

OBJECTIVE = Table(
    name="app.objective",
    doc="What a portfolio is to achieve, and within which limits: what allocation works by.",
    grain="id",
    owner="resources",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that owns the portfolio"),
        Column("portfolio_id", Type.UUID, "portfolio; it has one objective at most"),
        Column("risk_tolerance", Type.STRING, "conservative, moderate or aggressive"),
        Column("horizon_years", Type.INT32, "years until the money is needed"),
        _fraction("target_return", "return of a year that is aimed at"),
        _fraction("max_volatility", "volatility of a year that is borne at most"),
        _fraction("max_position_weight", "share of the value that one instrument may have"),
        _fraction("min_cash_weight", "share of the value that stays in cash"),
        Column("excluded_symbols", Type.JSON, "array of instruments that are never bought"),
        Column("rebalancing_frequency", Type.STRING, "monthly, quarterly, biannual (twice a year) or annual"),
        Column("rebalances_on", Type.DATE, "next day of rebalancing"),
        Column("note", Type.STRING, "the owner's remark"),
        *VERSIONED,
    ),
    key=("id",),
    stores=POSTGRES,
)

TABLES: tuple[Table, ...] = (WATCHLIST, WATCHLIST_ITEM, USER_PREFERENCE, BOND, OPTION_CONTRACT, OBJECTIVE)
