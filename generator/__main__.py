"""`python -m generator`: the same as `moodstream generate`."""

import os
import sys

from generator.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
