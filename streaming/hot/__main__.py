"""Entry point of the hot process."""

import sys

from streaming.hot.main import main

if __name__ == "__main__":
    sys.exit(main())
