"""Entry point of the quotes' process."""

import sys

from streaming.quotes.main import main

if __name__ == "__main__":
    sys.exit(main())
