"""`python -m model`."""

import os
import sys

from model.cli import main

sys.exit(main(sys.argv[1:], os.environ))
