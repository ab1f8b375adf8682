-- Question: Which strategies survive the number of trials that were made?
-- Answer: The best trial beside the walk-forward, whose parameters were chosen by the past alone. Believe what
--   stays in the walk-forward, and only with a deflated Sharpe ratio of 0.95 or more. Where the history was too short
--   for a walk-forward, its numbers are NULL: there is nothing to believe yet.
-- Units: Sharpe ratios are ratios a year; walk_forward_deflated is a probability; hypothetical money.
SELECT
    strategy,
    max(trials) AS variants_tried,
    anyOrNullIf(sharpe, kind = 'trial') AS best_trial_sharpe,
    anyOrNullIf(sharpe, kind = 'walk_forward') AS walk_forward_sharpe,
    anyOrNullIf(deflated_sharpe, kind = 'walk_forward') AS walk_forward_deflated,
    ifNull(walk_forward_deflated >= 0.95, false) AS is_believable
FROM strategies_latest
GROUP BY strategy
ORDER BY walk_forward_deflated DESC;
