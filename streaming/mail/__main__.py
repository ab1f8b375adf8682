"""Entry point of the mailer's process."""

import sys

from streaming.mail.main import main

if __name__ == "__main__":
    sys.exit(main())
