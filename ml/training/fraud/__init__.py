"""Payment fraud: isolation forest, logistic regression and boosted trees over generated payments."""
