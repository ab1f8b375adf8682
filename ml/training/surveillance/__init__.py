"""Trade surveillance: isolation forest, logistic regression and boosted trees over generated orders."""
