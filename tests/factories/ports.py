"""Free ports for engines that a test starts itself."""

import os
import socket
from itertools import cycle

# Below those that Linux gives to connections and to servers on port 0 (from 32768 on): nobody takes a port between this
# look at it and the start of its engine. Each process begins elsewhere, and hands out every port once before any twice.
FIRST, COUNT = 20_000, 10_000
_BEGIN = os.getpid() * 97 % COUNT
_CANDIDATES = cycle(FIRST + (_BEGIN + number) % COUNT for number in range(COUNT))


def free_port() -> int:
    """A loopback port that nobody listens on."""
    while True:
        port = next(_CANDIDATES)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
