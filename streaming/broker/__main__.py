"""Entry point of the broker's process."""

import sys

from streaming.broker.main import main

if __name__ == "__main__":
    sys.exit(main())
