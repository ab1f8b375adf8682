"""The batch job var_batch."""
