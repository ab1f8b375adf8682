"""Full garbage collections wait while a file is imported.

A file of 50,000 rows makes a million objects, nearly all of which live until its end. Each quarter more of them would
start a full collection, which looks at all and finds nothing: a third of the import's CPU, and pauses of up to a second
in which the process answers nobody. Young objects are collected as ever.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NEVER: Final = 1_000_000
_POSTPONED = threading.Lock()


@contextmanager
def full_collections_postponed() -> Iterator[None]:
    """No full collection starts by itself in the block. One block at a time postpones them: of two that overlap the
    second does not prolong the first, so that imports without end do not put them off for ever."""
    if not _POSTPONED.acquire(blocking=False):
        yield
        return
    before = gc.get_threshold()
    gc.set_threshold(before[0], before[1], _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        _POSTPONED.release()
