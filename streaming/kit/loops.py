"""How loops over bytes are compiled. Importing this module loads numba."""

from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

# Nothing is allocated in such a loop, so no reference has to be counted: an array that is handed on is counted twice
# otherwise, by atomic instructions, which took nine tenths of the time.
_OPTIONS: Final[dict[str, Any]] = {"error_model": "numpy", "forceinline": True, "_nrt": False}
compiled = numba.njit(cache=True, nogil=True, **_OPTIONS)
"""Compiles a loop that only reads and writes what it is handed; one that allocates an array is refused."""
