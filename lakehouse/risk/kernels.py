"""The measure of many windows of losses at once, for each method that a day's P&L history is enough for."""

from collections.abc import Callable
from functools import partial

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    InvalidParameter,
    exact_confidence,
    require_count,
    require_history,
    tail_observations,
)
from lakehouse.risk.methods import Conventions, Method
from lakehouse.risk.quantiles import upper_quantile, upper_tail_mean
from lakehouse.risk.shortfall import cornish_fisher_tail_rows, parametric_normal_tail_rows
from lakehouse.risk.student_t import student_t_rows, student_t_tail_rows
from lakehouse.risk.var import cornish_fisher_rows, parametric_normal_rows
from lakehouse.risk.weighted import age_weighted_rows, age_weighted_tail_rows

Kernel = Callable[[FloatArray], FloatArray]
"""Contiguous windows (M, n) of finite losses, oldest first -> (M,)."""
_MOMENTS: dict[Method, tuple[Callable[..., FloatArray], Callable[..., FloatArray]]] = {
    Method.PARAMETRIC_NORMAL: (parametric_normal_rows, parametric_normal_tail_rows),
    Method.CORNISH_FISHER: (cornish_fisher_rows, cornish_fisher_tail_rows),
    Method.STUDENT_T: (student_t_rows, student_t_tail_rows),
}


def var_kernel(method: Method, confidence: Confidence, window: int, conventions: Conventions) -> Kernel:
    """One-day VaR of windows of `window` losses. Raises InvalidParameter, InsufficientHistory for the window."""
    _check(method, confidence, window, conventions)
    if method is Method.HISTORICAL:
        return partial(upper_quantile, confidence=confidence, quantile=conventions.quantile)
    if method is Method.AGE_WEIGHTED:
        return partial(
            age_weighted_rows, confidence=confidence, decay=conventions.age_decay, quantile=conventions.quantile
        )
    return partial(_MOMENTS[method][0], confidence=confidence, ddof=conventions.ddof)


def es_kernel(method: Method, confidence: Confidence, window: int, conventions: Conventions) -> Kernel:
    """One-day shortfall of windows of `window` losses. Raises as `var_kernel`."""
    _check(method, confidence, window, conventions)
    if method is Method.HISTORICAL:
        return partial(upper_tail_mean, confidence=confidence)
    if method is Method.AGE_WEIGHTED:
        return partial(age_weighted_tail_rows, confidence=confidence, decay=conventions.age_decay)
    return partial(_MOMENTS[method][1], confidence=confidence, ddof=conventions.ddof)


def require_one_day(conventions: Conventions) -> None:
    """Raises InvalidParameter unless the horizon is one day."""
    if conventions.horizon_days != 1:
        raise InvalidParameter(f"horizon_days is {conventions.horizon_days}: forecasts are of one day, pass 1")


def _check(method: Method, confidence: Confidence, window: int, conventions: Conventions) -> None:
    require_one_day(conventions)
    require_count("window", window)
    exact_confidence(confidence)
    if method in (Method.HISTORICAL, Method.AGE_WEIGHTED):
        require_history(window, tail_observations(confidence), f"window of a {method} VaR at {confidence}")
    elif method not in _MOMENTS:
        rolls = "rolling_filtered" if method is Method.FILTERED_HISTORICAL else "rolling_holdings"
        raise InvalidParameter(f"{method} is not measured from windows of P&L alone: call {rolls}")
