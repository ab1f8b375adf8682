"""Matplotlib's figures as PNG: the same drawing gives the same bytes."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches, of no window and no global list."""
    # Here, because it takes a second: who draws nothing does not wait for it.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png(drawn: "Figure") -> bytes:
    """The figure as a file, without the time and without Matplotlib's version in it."""
    stream = io.BytesIO()
    drawn.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()
