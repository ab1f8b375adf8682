"""Risk measures as pure functions of arrays: returns, VaR, expected shortfall, Monte-Carlo and the VaR backtest."""

from lakehouse.risk.checks import InsufficientHistory, InvalidParameter, NonFinite, RiskError, ShapeMismatch
from lakehouse.risk.cornish_fisher import ExpansionNotMonotone
from lakehouse.risk.covariance import NotPositiveSemidefinite, pivoted_cholesky, sample_covariance
from lakehouse.risk.covariance_estimators import Covariance, covariance_matrix
from lakehouse.risk.holdings import estimate_holdings
from lakehouse.risk.linear import Windows, horizon_sums, overlapping_sums, portfolio_pnl
from lakehouse.risk.methods import (
    BATCH_METHODS,
    FROM_RETURNS,
    STANDARD,
    Conventions,
    Method,
    RiskEstimate,
    estimate,
    estimate_simulated,
)
from lakehouse.risk.monte_carlo import (
    BLOCK_ROWS,
    Labels,
    NormalModel,
    Simulation,
    fit_normal,
    moves_block,
    normal_block,
    simulate_moves,
)
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.returns import AlignedPrices, DuplicatePrice, InvalidPrice, align, log_returns, simple_returns
from lakehouse.risk.shortfall import cornish_fisher_es, historical_es, parametric_normal_es
from lakehouse.risk.student_t import student_t_es, student_t_var
from lakehouse.risk.t_copula import Margins
from lakehouse.risk.var import cornish_fisher_valid, cornish_fisher_var, historical_var, parametric_normal_var
from lakehouse.risk.var_backtest import (
    Backtest,
    Kupiec,
    compare,
    kupiec_pof,
    rolling_es,
    rolling_var,
)
from lakehouse.risk.weighted import age_weighted_es, age_weighted_var

__all__ = [
    "BATCH_METHODS",
    "BLOCK_ROWS",
    "FROM_RETURNS",
    "STANDARD",
    "AlignedPrices",
    "Backtest",
    "Conventions",
    "Covariance",
    "DuplicatePrice",
    "ExpansionNotMonotone",
    "InsufficientHistory",
    "InvalidParameter",
    "InvalidPrice",
    "Kupiec",
    "Labels",
    "Margins",
    "Method",
    "NonFinite",
    "NormalModel",
    "NotPositiveSemidefinite",
    "Quantile",
    "RiskError",
    "RiskEstimate",
    "ShapeMismatch",
    "Simulation",
    "Windows",
    "age_weighted_es",
    "age_weighted_var",
    "align",
    "compare",
    "cornish_fisher_es",
    "cornish_fisher_valid",
    "cornish_fisher_var",
    "covariance_matrix",
    "estimate",
    "estimate_holdings",
    "estimate_simulated",
    "fit_normal",
    "historical_es",
    "historical_var",
    "horizon_sums",
    "kupiec_pof",
    "log_returns",
    "moves_block",
    "normal_block",
    "overlapping_sums",
    "parametric_normal_es",
    "parametric_normal_var",
    "pivoted_cholesky",
    "portfolio_pnl",
    "rolling_es",
    "rolling_var",
    "sample_covariance",
    "simple_returns",
    "simulate_moves",
    "student_t_es",
    "student_t_var",
]
