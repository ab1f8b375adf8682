"""The simulated venue from the settings."""

from decimal import Decimal
from typing import Final

from lakehouse.settings import Settings, TradingSettings
from lakehouse.trading.costs import Fees, Slippage
from lakehouse.trading.venue import Terms
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_terms import plain_of, read

QUOTE_AGE_US: Final = 60_000_000
"""A symbol that nobody has quoted for so long is one of a feed of trades alone: orders at market go by these."""
BPS: Final = Decimal(10_000)
VENUE: Final = "simulated"
"""The name of the one venue among terms."""


def desk_of(settings: Settings) -> SimulatedDesk:
    """A desk without orders that deals by the settings of now, until it is told terms."""
    return SimulatedDesk(*read(plain_terms(settings)))


def plain_terms(settings: Settings) -> dict[str, object]:
    """The settings' terms as a change tells them; in demo mode exchanges never close."""
    return plain_of(terms_of(settings.trading), is_always_open=settings.providers.demo_mode)


def terms_of(section: TradingSettings) -> Terms:
    """What fills cost."""
    slippage = Slippage(fixed_bps=section.slippage_bps, impact_bps=section.impact_bps)
    return Terms(slippage=slippage, fees=Fees(rate=section.fee_bps / BPS), quote_age_us=QUOTE_AGE_US)
