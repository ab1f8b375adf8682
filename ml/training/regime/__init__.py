"""Market regimes: a Markov switching model of the market's daily return, in three states."""
