"""`python -m generator`: the same as `moodstream generate`."""

import os
import sys

from generator.cli import main
from moodstream import exit_code_of

if __name__ == "__main__":
    sys.exit(exit_code_of("moodstream generate", main, sys.argv[1:], os.environ))
