"""The batch job stress_explain."""
