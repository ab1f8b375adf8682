"""Shocks made up that are tried by default: of everything, of sectors, and of the market through betas.

Sector shocks are what the sectors of one price set did in a crisis: they reach instruments that were not listed then,
which a window of history does not. A test computes them anew from the set.
"""

from lakehouse.risk.scenarios import Hypothetical, Shock, Target, uniform

MARKET = "market"
"""The factor of market shocks: the benchmark's return where the lake has it, else the mean of all instruments."""

SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)
"""The Global Industry Classification Standard's, of MSCI and S&P Dow Jones Indices since 2018."""
_ALSO_CALLED = {
    "basic materials": "Materials",
    "communications": "Communication Services",
    "consumer cyclical": "Consumer Discretionary",
    "consumer defensive": "Consumer Staples",
    "consumer non-cyclical": "Consumer Staples",
    "financial": "Financials",
    "financial services": "Financials",
    "healthcare": "Health Care",
    "industrial": "Industrials",
    "it": "Information Technology",
    "tech": "Information Technology",
    "technology": "Information Technology",
    "telecommunication services": "Communication Services",
}
_BY_NAME = {**{name.casefold(): name for name in SECTORS}, **_ALSO_CALLED}


def sector_named(text: str) -> str:
    """The sector of SECTORS that `text` means, whatever its case; another text is a sector of its own, as it stands."""
    return _BY_NAME.get(text.strip().casefold(), text)


CALIBRATED_FROM = {
    "Consumer Discretionary": ("BBY", "HD"),
    "Consumer Staples": ("KO", "PEP", "PG", "WMT"),
    "Energy": ("CVX", "RRC", "XOM"),
    "Financials": ("BAC", "JPM"),
    "Health Care": ("JNJ", "LLY", "MRK", "PFE", "UNH"),
    "Industrials": ("GE",),
    "Information Technology": ("AAPL", "AMD", "MSFT"),
}
"""The names of skfolio's S&P 500 price set by sector: what the shocks of sectors are means of."""
_CALIBRATION = (
    "means, to whole percents, of the names of each sector in skfolio's S&P 500 price set (20 names that are still "
    "listed), adjusted closes of {}; instruments of other sectors and of none: the mean of these sectors"
)


def _sectors(name: str, title: str, days: str, moves: tuple[float, ...], others: float) -> Hypothetical:
    """`moves` in the order of CALIBRATED_FROM; `others` of everything else."""
    shocks = (Shock(Target.SECTOR, move, sector) for sector, move in zip(CALIBRATED_FROM, moves, strict=True))
    return Hypothetical(name, title, (Shock(Target.ALL, others), *shocks), _CALIBRATION.format(days))


def _market(name: str, title: str, move: float, source: str) -> Hypothetical:
    return Hypothetical(name, title, (Shock(Target.FACTOR, move, MARKET),), source)


UNIFORM = "a round size, the same for everything: no model, nothing is diversified away"
BETAS = "each holding by its beta, least squares on the last 500 daily returns; none falls by more than all of it"

HYPOTHETICALS: tuple[Hypothetical, ...] = (
    uniform("all_down_10", "Everything falls by 10 %", -0.1, UNIFORM),
    uniform("all_down_20", "Everything falls by 20 %", -0.2, UNIFORM),
    uniform("all_down_40", "Everything falls by 40 %", -0.4, UNIFORM),
    uniform("all_up_10", "Everything rises by 10 %", 0.1, UNIFORM),
    _sectors(
        "sectors_as_dot_com",
        "Sectors move as at the end of the dot-com boom: technology breaks, defensives rise",
        "24 March 2000 and 9 October 2002",
        (-0.64, 0.26, 0.28, -0.32, 0.48, -0.57, -0.76),
        -0.18,
    ),
    _sectors(
        "sectors_as_banking_crisis",
        "Sectors move as in the financial crisis: banks and industry break, all fall",
        "9 October 2007 and 9 March 2009",
        (-0.47, -0.23, -0.27, -0.79, -0.49, -0.81, -0.61),
        -0.52,
    ),
    _sectors(
        "sectors_as_oil_glut",
        "Sectors move as in the fall of oil: energy halves, the others hardly notice",
        "20 June 2014 and 20 January 2016",
        (0.24, -0.01, -0.46, -0.04, 0.15, 0.09, -0.07),
        -0.01,
    ),
    _sectors(
        "sectors_as_pandemic",
        "Sectors move as at the outbreak of Covid-19: all fall within five weeks",
        "19 February and 23 March 2020",
        (-0.38, -0.22, -0.38, -0.45, -0.23, -0.51, -0.29),
        -0.35,
    ),
    _sectors(
        "sectors_as_rate_rise",
        "Sectors move as in the rise of interest rates: growth falls, energy gains",
        "3 January and 12 October 2022",
        (-0.33, -0.09, 0.49, -0.34, 0.03, -0.33, -0.39),
        -0.14,
    ),
    _market("market_down_20", "The market falls by 20 %: the mark of a bear market", -0.2, BETAS),
    _market(
        "market_down_50",
        "The market falls by 50 %, as in the Federal Reserve's stress of 2012",
        -0.5,
        f"{BETAS}; size: Board of Governors, 'Comprehensive Capital Analysis and Review 2012' (13 March 2012), the "
        "supervisory stress scenario's fall of equity prices",
    ),
    _market("market_up_10", "The market rises by 10 %: what shorts lose", 0.1, BETAS),
)
