"""`python -m ezaigents` is `ez`."""

import sys

from ezaigents.cli import main

if __name__ == "__main__":
    sys.exit(main())
