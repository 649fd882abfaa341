"""`python -m gridbayes`: the command line."""

import sys

from gridbayes.cli import main

if __name__ == "__main__":
    sys.exit(main())
