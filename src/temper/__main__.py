"""`python -m temper` is `temper`."""

import sys

from temper.cli import main

if __name__ == "__main__":
    sys.exit(main())
