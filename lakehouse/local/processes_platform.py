"""The processes above the engines."""

from lakehouse.local.spec import ProcessSpec, StackContext


def specs(context: StackContext) -> tuple[ProcessSpec, ...]:
    """Every process above the engines."""
    return ()
