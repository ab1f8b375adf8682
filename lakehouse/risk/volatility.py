"""Daily volatility of P&L: GARCH(1,1) fitted by arch, exponential weights where it cannot be fitted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from lakehouse.risk.checks import BoolArray, FloatArray, finite_matrix, require_history
from lakehouse.risk.linear import loss_rows
from lakehouse.risk.moments import mean_and_deviation
from lakehouse.risk.weighted import check_decay

VOLATILITY_DECAY = 0.94  # RiskMetrics Technical Document (1996), daily
GARCH_DAYS = 100  # fewer say nothing about three variance parameters


@dataclass(frozen=True, slots=True)
class Garch:
    """variance(t+1) = omega + alpha residual(t)^2 + beta variance(t), P series: all fields (P,), base currency.

    `start` is the mean squared residual: the variance and the squared residual of the day before the first, as in
    Fiorentini, Calzolari and Panattoni (1996), the published benchmark. `fallback` marks the series that arch could
    not fit (no convergence, or a variance that explodes): they hold exponential weights, which are omega 0, alpha
    1 - decay and beta decay.
    """

    mean: FloatArray
    omega: FloatArray
    alpha: FloatArray
    beta: FloatArray
    start: FloatArray
    fallback: BoolArray


def fit_ewma(pnl: npt.ArrayLike, *, decay: float = VOLATILITY_DECAY) -> Garch:
    """Exponentially weighted variance of P series (T, P) around their mean. Raises NonFinite, ShapeMismatch,
    InvalidParameter, InsufficientHistory below one day. Source: RiskMetrics Technical Document (1996), 5.2."""
    check_decay(decay)
    mean, deviation, _ = mean_and_deviation(loss_rows(pnl), 0)
    like = np.ones_like(mean)
    return Garch(-mean, 0 * like, (1 - decay) * like, decay * like, deviation**2, np.ones(len(mean), dtype=np.bool_))


def fit_garch(pnl: npt.ArrayLike, *, decay: float = VOLATILITY_DECAY) -> Garch:
    """GARCH(1,1) with constant mean and normal errors for each of P series (T, P), oldest first, by quasi maximum
    likelihood; `decay` is that of the fallback.

    Each series is standardised before it is fitted, so that its unit does not matter. About 6 ms a series.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory below GARCH_DAYS.
    """
    daily = finite_matrix("pnl", pnl)
    require_history(len(daily), GARCH_DAYS, "GARCH(1,1)")
    plain = fit_ewma(daily, decay=decay)
    spread = np.sqrt(plain.start)
    varies = spread > 1e-12 * np.abs(plain.mean)
    fitted = _fit((daily - plain.mean) / np.where(varies, spread, 1.0), varies)
    own = np.column_stack([plain.omega, plain.alpha, plain.beta, plain.mean, plain.start])
    for column, found in enumerate(fitted):
        if found is not None:
            mean, omega, alpha, beta = found
            level = plain.mean[column] + mean * spread[column]
            start = float(np.square(daily[:, column] - level).mean())
            own[column] = omega * plain.start[column], alpha, beta, level, start
    omega_, alpha_, beta_, mean_, start_ = np.ascontiguousarray(own.T)
    return Garch(mean_, omega_, alpha_, beta_, start_, np.array([found is None for found in fitted], dtype=np.bool_))


def filter_volatility(pnl: npt.ArrayLike, model: Garch) -> FloatArray:
    """Standard deviations (T + 1, P) of the days of `pnl` (T, P) and of the day after them; each is known the evening
    before. Zero only for a series that never varied. NaN policy: refused. Raises NonFinite, ShapeMismatch."""
    daily = finite_matrix("pnl", pnl)
    square = np.square(daily - model.mean)
    variance = np.empty((len(daily) + 1, daily.shape[1]))
    variance[0] = model.omega + (model.alpha + model.beta) * model.start
    for day in range(len(daily)):
        variance[day + 1] = model.omega + model.alpha * square[day] + model.beta * variance[day]
    return np.sqrt(variance)


def _fit(standard: FloatArray, varies: BoolArray) -> list[tuple[float, float, float, float] | None]:
    """Mean, omega, alpha, beta of each standardised series (T, P), or None where arch finds none that is stationary."""
    from arch import arch_model  # imported on first use: it brings pandas and statsmodels

    def fit_one(series: FloatArray) -> tuple[float, float, float, float] | None:
        model = arch_model(series, mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
        found = model.fit(disp="off", show_warning=False, backcast=1.0)
        mean, omega, alpha, beta = (float(each) for each in found.params)
        usable = found.convergence_flag == 0 and np.isfinite(found.params).all()
        if not usable or omega < 0 or alpha < 0 or beta < 0 or alpha + beta >= 1:
            return None
        return mean, omega, alpha, beta

    # The optimiser's products must not be split among threads: their number would change the last bits. The import
    # stands before, for only libraries that are loaded can be held to one.
    with threadpool_limits(1, user_api="blas"):
        columns = np.ascontiguousarray(standard.T)
        return [fit_one(series) if moves else None for series, moves in zip(columns, varies, strict=True)]
