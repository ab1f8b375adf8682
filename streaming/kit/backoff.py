"""How long to wait after failures in a row: exponential, capped, with jitter."""

from collections.abc import Callable
from dataclasses import dataclass

_MOST_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class Backoff:
    """`base_s` is the longest wait after one failure, `cap_s` after many. Both are positive seconds."""

    base_s: float = 0.5
    cap_s: float = 300.0

    def wait_s(self, failures: int, draw: Callable[[], float], *, at_least_s: float = 0.0) -> float:
        """Between half and all of min(cap, base * 2^(failures - 1)), evenly drawn, and never less than `at_least_s`.

        The lower half is kept so that a crowd of clients does not come back at once ("equal jitter", Brooker, AWS
        Architecture Blog, 2015). `failures` is at least 1; `draw` returns numbers in [0, 1).
        """
        longest = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
        return max(at_least_s, longest / 2 * (1 + draw()))
