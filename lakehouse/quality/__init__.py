"""What prices look like when something is wrong with them, and how actions of companies change them: pure functions."""
