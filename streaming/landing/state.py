"""What names a lander's place in its table."""

from lakehouse.errors import TidemarkError


class ReplayError(TidemarkError):
    """A flush of offsets that the table already holds: a defect of the lander, stopped before it doubles rows."""


def app_id(topic: str, partition: int) -> str:
    """The Delta application id whose version is the last landed offset of the partition."""
    return f"landing:{topic}:{partition}"
