"""The steps, oldest first. A published step is never edited."""
