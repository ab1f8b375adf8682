"""What the network is measured against: the past as it was, a smoothed volatility, and an AR model with GARCH."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import ndtri

from lakehouse.backtest.market import IntArray
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.volatility import GARCH_DAYS, filter_volatility, fit_ewma, fit_garch
from ml.inference.forecast import LEVELS, Forecast, baseline
from ml.training.forecast.panel import Panel

NAIVE_DAYS = 250


def naive(panel: Panel, rows: IntArray) -> Forecast:
    """The quantiles and the deviation of the name's last NAIVE_DAYS returns, those of the evening included."""
    quantiles = np.empty((len(rows), len(LEVELS)))
    deviation = np.empty(len(rows))
    for number, series in enumerate(panel.series):
        own = np.flatnonzero(panel.name[rows] == number)
        if not own.size:
            continue
        padded = np.concatenate([np.full(NAIVE_DAYS - 1, np.nan), series])
        past = sliding_window_view(padded, NAIVE_DAYS)[panel.place[rows[own]]]
        short = np.isnan(past[:, 0])
        quantiles[own[~short]] = np.quantile(past[~short], LEVELS, axis=1).T
        if short.any():
            quantiles[own[short]] = np.nanquantile(past[short], LEVELS, axis=1).T
        deviation[own] = np.nanstd(past, axis=1)
    return Forecast(LEVELS, quantiles, np.maximum(deviation, 1e-9))


def smoothed(panel: Panel, rows: IntArray) -> Forecast:
    """Normal quantiles at the exponentially weighted volatility: `ewma_normal`, the answer without a model."""
    return baseline(panel.scale[rows])


def ar_garch(panel: Panel, rows: IntArray, *, trained: IntArray) -> Forecast:
    """AR(1) by statsmodels and GARCH(1,1) by arch of each name's returns on the days of `trained`, run on through the
    days of `rows`; normal quantiles. A name without enough days to fit keeps exponential weights."""
    centre, deviation = np.zeros(len(rows)), panel.scale[rows].copy()
    for number, series in enumerate(panel.series):
        own = np.flatnonzero(panel.name[rows] == number)
        used = panel.place[trained[panel.name[trained] == number]]
        if not own.size or not used.size:
            continue
        places = panel.place[rows[own]]
        constant, slope = _autoregression(series[: used.max() + 1])
        residual = series[1:] - constant - slope * series[:-1]
        fitted = residual[: used.max(), None]
        model = fit_garch(fitted) if len(fitted) >= GARCH_DAYS else fit_ewma(fitted)
        # residual[k] is of day k + 1, so that the volatility of the day after `place` is the filter's value there.
        deviation[own] = filter_volatility(residual[:, None], model)[places, 0]
        centre[own] = constant + slope * series[places]
    return Forecast(LEVELS, centre[:, None] + deviation[:, None] * ndtri(np.asarray(LEVELS)), deviation)


def _autoregression(series: FloatArray) -> tuple[float, float]:
    from statsmodels.tsa.ar_model import AutoReg  # brings pandas

    constant, slope = AutoReg(series, lags=1).fit().params
    return float(constant), float(slope)
