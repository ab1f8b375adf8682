"""Entry point of the signals' process."""

import sys

from streaming.signals.main import main

if __name__ == "__main__":
    sys.exit(main())
