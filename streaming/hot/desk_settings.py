"""The simulated venue from the settings."""

from decimal import Decimal
from typing import Final

from lakehouse.settings import Settings, TradingSettings
from lakehouse.trading.costs import Fees, Slippage
from lakehouse.trading.venue import Terms
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_hours import always_open, in_sessions

BPS: Final = Decimal(10_000)


def desk_of(settings: Settings) -> SimulatedDesk:
    """A desk without orders; in demo mode its exchanges never close."""
    return SimulatedDesk(terms_of(settings.trading), always_open if settings.providers.demo_mode else in_sessions)


def terms_of(section: TradingSettings) -> Terms:
    """What fills cost."""
    slippage = Slippage(fixed_bps=section.slippage_bps, impact_bps=section.impact_bps)
    return Terms(slippage=slippage, fees=Fees(rate=section.fee_bps / BPS))
