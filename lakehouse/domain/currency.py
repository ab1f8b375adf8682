"""Currencies and exact conversion between amounts and integer minor units."""

from decimal import ROUND_HALF_EVEN, Decimal

from lakehouse.errors import TidemarkError

_THREE = ("BHD", "JOD", "KWD", "OMR", "TND")
_NONE = ("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND")
_TWO = (
    *("AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD", "HUF", "IDR"),
    *("ILS", "INR", "KES", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PLN", "QAR", "RON", "SAR", "SEK"),
    *("SGD", "THB", "TRY", "TWD", "UAH", "USD", "ZAR"),
)
SIM_COIN = "SIM_COIN"
MINOR_DIGITS: dict[str, int] = {
    **dict.fromkeys(_TWO, 2),
    **dict.fromkeys(_NONE, 0),
    **dict.fromkeys(_THREE, 3),
    SIM_COIN: 2,
}
MAX_MINOR = 2**63 - 1


class CurrencyError(TidemarkError, ValueError):
    """A currency that the ledger does not know, or an amount that its minor unit cannot hold."""


def minor_digits(currency: str) -> int:
    """Digits after the point of `currency`. Raises CurrencyError for one that the ledger does not know."""
    try:
        return MINOR_DIGITS[currency]
    except KeyError:
        raise CurrencyError(f"{currency!r} is no currency of the ledger: {', '.join(sorted(MINOR_DIGITS))}") from None


def to_minor(amount: Decimal, currency: str) -> int:
    """`amount` in minor units, exactly. Raises CurrencyError where it has more digits than the currency."""
    scaled = _scaled(amount, currency)
    if scaled != scaled.to_integral_value():
        raise CurrencyError(f"{amount} has more than {minor_digits(currency)} decimals, the most that {currency} has")
    return _bounded(int(scaled), amount, currency)


def rounded_minor(amount: Decimal, currency: str) -> int:
    """`amount` in minor units, rounded half to even: for products such as quantity times price."""
    return _bounded(int(_scaled(amount, currency).to_integral_value(ROUND_HALF_EVEN)), amount, currency)


def from_minor(minor: int, currency: str) -> Decimal:
    """`minor` units as an amount with exactly the currency's decimals."""
    return Decimal(minor).scaleb(-minor_digits(currency))


def _scaled(amount: Decimal, currency: str) -> Decimal:
    if not amount.is_finite():
        raise CurrencyError(f"{amount} is no amount of money: it must be finite")
    return amount.scaleb(minor_digits(currency))


def _bounded(minor: int, amount: Decimal, currency: str) -> int:
    if abs(minor) > MAX_MINOR:
        raise CurrencyError(f"{amount} {currency} is more than the ledger can hold")
    return minor
