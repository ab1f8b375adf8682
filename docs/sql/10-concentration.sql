-- Question: How concentrated is each portfolio?
-- Answer: effective_holdings is how many equal holdings would be as concentrated: far below holdings, a few names
--   decide.
-- Units: holdings and effective_holdings are counts; hhi is a ratio from 1 / holdings to 1; volatility is a share a
--   year.
SELECT
    portfolio_name,
    holdings,
    hhi,
    effective_holdings,
    effective_holdings / holdings AS evenness,
    volatility
FROM portfolio_metrics_latest
ORDER BY evenness;
