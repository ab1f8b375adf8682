"""What aliases and tags of the registry are called."""

from typing import Final

CHALLENGER: Final = "challenger"
"""The newest version that a training has registered."""
CHAMPION: Final = "champion"
"""The version in use."""
PREVIOUS: Final = "previous"
"""The one that a rollback goes back to."""
TRAINED_FOR: Final = "tidemark.business_date"
"""The tag of a version with the day that its training was run for."""
GATE: Final = "gate"
"""The tag of a version that holds its verdict as JSON."""
