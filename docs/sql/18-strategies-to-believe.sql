-- Question: Which strategies survive the number of trials that were made?
-- Answer: The best trial beside the walk-forward, whose parameters were chosen by the past alone. Believe what
--   stays in the walk-forward, and only with a deflated Sharpe ratio of 0.95 or more.
-- Units: Sharpe ratios are ratios a year; walk_forward_deflated is a probability; hypothetical money.
SELECT
    strategy,
    max(trials) AS variants_tried,
    anyIf(sharpe, kind = 'trial') AS best_trial_sharpe,
    anyIf(sharpe, kind = 'walk_forward') AS walk_forward_sharpe,
    anyIf(deflated_sharpe, kind = 'walk_forward') AS walk_forward_deflated,
    walk_forward_deflated >= 0.95 AS is_believable
FROM strategies_latest
GROUP BY strategy
ORDER BY walk_forward_deflated DESC;
