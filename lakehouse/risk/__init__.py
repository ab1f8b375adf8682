"""Risk measures as pure functions of arrays: returns, VaR, expected shortfall, Monte-Carlo and the VaR backtest."""

from lakehouse.risk.checks import InsufficientHistory, InvalidParameter, NonFinite, RiskError, ShapeMismatch
from lakehouse.risk.cornish_fisher import ExpansionNotMonotone
from lakehouse.risk.covariance import NotPositiveSemidefinite, pivoted_cholesky, sample_covariance
from lakehouse.risk.linear import overlapping_sums, portfolio_pnl
from lakehouse.risk.methods import STANDARD, Conventions, Method, RiskEstimate, estimate
from lakehouse.risk.monte_carlo import (
    BLOCK_ROWS,
    NormalModel,
    Simulation,
    fit_normal,
    normal_block,
    pnl_block,
    simulate_pnl,
)
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.returns import AlignedPrices, DuplicatePrice, InvalidPrice, align, log_returns, simple_returns
from lakehouse.risk.shortfall import cornish_fisher_es, historical_es, parametric_normal_es
from lakehouse.risk.var import cornish_fisher_valid, cornish_fisher_var, historical_var, parametric_normal_var
from lakehouse.risk.var_backtest import Backtest, Kupiec, compare, kupiec_pof, rolling_monte_carlo_var, rolling_var

__all__ = [
    "BLOCK_ROWS",
    "STANDARD",
    "AlignedPrices",
    "Backtest",
    "Conventions",
    "DuplicatePrice",
    "ExpansionNotMonotone",
    "InsufficientHistory",
    "InvalidParameter",
    "InvalidPrice",
    "Kupiec",
    "Method",
    "NonFinite",
    "NormalModel",
    "NotPositiveSemidefinite",
    "Quantile",
    "RiskError",
    "RiskEstimate",
    "ShapeMismatch",
    "Simulation",
    "align",
    "compare",
    "cornish_fisher_es",
    "cornish_fisher_valid",
    "cornish_fisher_var",
    "estimate",
    "fit_normal",
    "historical_es",
    "historical_var",
    "kupiec_pof",
    "log_returns",
    "normal_block",
    "overlapping_sums",
    "parametric_normal_es",
    "parametric_normal_var",
    "pivoted_cholesky",
    "pnl_block",
    "portfolio_pnl",
    "rolling_monte_carlo_var",
    "rolling_var",
    "sample_covariance",
    "simple_returns",
    "simulate_pnl",
]
