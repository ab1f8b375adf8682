"""What a lander refuses to do."""

from lakehouse.errors import TidemarkError


class ReplayError(TidemarkError):
    """A flush of offsets that the table already holds: a defect of the lander, stopped before it doubles rows."""
