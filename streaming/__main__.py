"""`python -m streaming`: the streaming job."""

import os
import sys

from moodstream import exit_code_of
from streaming.cli import main

if __name__ == "__main__":
    sys.exit(exit_code_of("moodstream stream", main, sys.argv[1:], os.environ))
