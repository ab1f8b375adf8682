"""Entry point of the lander's process."""

import sys

from streaming.landing.main import main

if __name__ == "__main__":
    sys.exit(main())
