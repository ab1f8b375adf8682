"""Why a row is refused: the closed set of reasons that quarantine and reject tables carry."""

from enum import StrEnum


class Reason(StrEnum):
    """One word per broken promise; the row's `detail` adds the value."""

    UNPARSABLE = "unparsable"
    OVERSIZED = "oversized"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    MISSING_PRICE = "missing_price"
    NON_POSITIVE_PRICE = "non_positive_price"
    HIGH_BELOW_LOW = "high_below_low"
    OUTSIDE_RANGE = "outside_range"
    NEGATIVE_SIZE = "negative_size"
    UNKNOWN_KIND = "unknown_kind"
    UNPARSABLE_TIME = "unparsable_time"
    FUTURE_TIME = "future_time"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NOT_A_TRADING_DAY = "not_a_trading_day"
    IMPLAUSIBLE_PRICE = "implausible_price"
