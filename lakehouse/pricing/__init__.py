"""What one instrument is worth and how that moves: options and bonds, as pure functions.

What needs QuantLib (`american`, `bonds`) is imported from its own module, so that light processes do not load it.
"""

from lakehouse.pricing.black_scholes import Greeks, greeks, price
from lakehouse.pricing.checks import InvalidInput, PriceOutsideBounds, PricingError, ShapesDiffer
from lakehouse.pricing.implied import implied_volatility, price_bounds, within_bounds
from lakehouse.pricing.options import OptionMarket, OptionTerms, Right, option_market, option_terms, years_to

__all__ = [
    "Greeks",
    "InvalidInput",
    "OptionMarket",
    "OptionTerms",
    "PriceOutsideBounds",
    "PricingError",
    "Right",
    "ShapesDiffer",
    "greeks",
    "implied_volatility",
    "option_market",
    "option_terms",
    "price",
    "price_bounds",
    "within_bounds",
    "years_to",
]
