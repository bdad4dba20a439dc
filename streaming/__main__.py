"""`python -m streaming`: the streaming job."""

import os
import sys

from streaming.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
