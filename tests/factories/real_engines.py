"""Which engines a test run used for real: told at its end."""

_USED: dict[str, str] = {}


def record(name: str, where: str) -> None:
    """Note that the engine `name` ran, and where; the factories that start an engine themselves call it too."""
    _USED[name] = where


def used() -> dict[str, str]:
    """Every engine noted so far."""
    return dict(_USED)
