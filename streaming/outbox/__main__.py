"""Entry point of the relay's process."""

import sys

from streaming.outbox.main import main

if __name__ == "__main__":
    sys.exit(main())
