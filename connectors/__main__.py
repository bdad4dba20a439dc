"""`python -m connectors`: the same as `moodstream connect`."""

import os
import sys

from connectors.cli import main
from moodstream import exit_code_of

if __name__ == "__main__":
    sys.exit(exit_code_of("moodstream connect", main, sys.argv[1:], os.environ))
