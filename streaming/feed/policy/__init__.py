"""What to do when providers fail or disagree: pure rules, time and randomness are arguments."""
