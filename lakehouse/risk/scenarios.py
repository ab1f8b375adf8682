"""Scenarios as data: windows of history with their dates and sources, and hypothetical shocks by name.

A window's `first` day is the last close before the shock and the base of its returns; `last` is its last close.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from lakehouse.risk.checks import InvalidParameter


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of history. Raises InvalidParameter unless `first` is before `last`."""

    name: str
    title: str
    first: date
    last: date
    source: str

    def __post_init__(self) -> None:
        if self.first >= self.last:
            raise InvalidParameter(f"window {self.name}: {self.first} must be before {self.last}")


WINDOWS: tuple[Window, ...] = (
    Window(
        "black_monday_1987",
        "Black Monday",
        date(1987, 10, 13),
        date(1987, 10, 19),
        "Presidential Task Force on Market Mechanisms (Brady report, 1988): close of 13 October to close of 19 October",
    ),
    Window(
        "ltcm_1998",
        "Russian default and the fall of LTCM",
        date(1998, 7, 17),
        date(1998, 10, 8),
        "S&P 500 closing high of 17 July to the retest of 8 October; President's Working Group on Financial Markets, "
        "'Hedge Funds, Leverage, and the Lessons of Long-Term Capital Management' (1999)",
    ),
    Window(
        "dot_com_2000",
        "End of the dot-com boom",
        date(2000, 3, 24),
        date(2002, 10, 9),
        "S&P 500 closing high of 24 March 2000 to closing low of 9 October 2002",
    ),
    Window(
        "financial_crisis_2007",
        "Financial crisis, whole",
        date(2007, 10, 9),
        date(2009, 3, 9),
        "S&P 500 closing high of 9 October 2007 to closing low of 9 March 2009",
    ),
    Window(
        "lehman_2008",
        "Failure of Lehman Brothers",
        date(2008, 9, 12),
        date(2008, 11, 20),
        "last close before the filing of 15 September 2008 to the S&P 500's closing low of 20 November",
    ),
    Window(
        "flash_crash_2010",
        "Flash crash, close to close",
        date(2010, 5, 5),
        date(2010, 5, 6),
        "CFTC and SEC, 'Findings Regarding the Market Events of May 6, 2010' (30 September 2010)",
    ),
    Window(
        "us_downgrade_2011",
        "Downgrade of the United States",
        date(2011, 7, 22),
        date(2011, 8, 8),
        "last close before the debt-ceiling talks failed to the first after Standard & Poor's statement of 5 August",
    ),
    Window(
        "china_2015",
        "Devaluation of the renminbi and 24 August",
        date(2015, 8, 10),
        date(2015, 8, 25),
        "last close before the People's Bank of China's step of 11 August; SEC, 'Equity Market Volatility on "
        "August 24, 2015' (December 2015)",
    ),
    Window(
        "q4_2018",
        "Fourth quarter of 2018",
        date(2018, 9, 20),
        date(2018, 12, 24),
        "S&P 500 closing high of 20 September to closing low of 24 December",
    ),
    Window(
        "covid_2020",
        "Outbreak of Covid-19",
        date(2020, 2, 19),
        date(2020, 3, 23),
        "S&P 500 closing high of 19 February to closing low of 23 March",
    ),
    Window(
        "rates_2022",
        "Rise of interest rates",
        date(2022, 1, 3),
        date(2022, 10, 12),
        "S&P 500 closing high of 3 January to closing low of 12 October",
    ),
)


class Target(StrEnum):
    """What a shock moves. A symbol's own shock replaces its sector's, which replaces that of all instruments.

    A factor's reaches the instruments that none of the three names, through their betas.
    """

    ALL = "all"
    SECTOR = "sector"
    SYMBOL = "symbol"
    FACTOR = "factor"


@dataclass(frozen=True, slots=True)
class Shock:
    """A relative move (-0.2 is a fall of 20 %) of `key`: a symbol, sector or factor, empty for all.

    Raises InvalidParameter for a move that is not finite or below -1, or a key that the target does not take.
    """

    target: Target
    move: float
    key: str = ""

    def __post_init__(self) -> None:
        if not -1.0 <= self.move < float("inf"):
            raise InvalidParameter(f"{self.target} {self.key}: a move of {self.move} must be finite and at least -1")
        if (self.target is Target.ALL) == bool(self.key):
            raise InvalidParameter(f"{self.target} with the key {self.key!r}: name what moves, and nothing for all")


@dataclass(frozen=True, slots=True)
class Hypothetical:
    """Shocks that happen together; `source` says where their sizes come from. Raises InvalidParameter without any, or
    with two of the same thing."""

    name: str
    title: str
    shocks: tuple[Shock, ...]
    source: str = ""

    def __post_init__(self) -> None:
        named = [(shock.target, shock.key) for shock in self.shocks]
        if not named or len(set(named)) != len(named):
            raise InvalidParameter(f"scenario {self.name}: needs at least one shock, and one of each thing at most")


def uniform(name: str, title: str, move: float, source: str = "") -> Hypothetical:
    """Every instrument moves alike."""
    return Hypothetical(name, title, (Shock(Target.ALL, move),), source)
