"""Identity: a logistic regression over generated customers, in which no information speaks against a customer."""
