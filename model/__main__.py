"""`python -m model`."""

import os
import sys

from model.cli import main
from moodstream import exit_code_of

sys.exit(exit_code_of("moodstream model", main, sys.argv[1:], os.environ))
