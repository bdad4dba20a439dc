"""The script for `spark-submit`. It lies outside the package, whose folder would otherwise become `sys.path[0]`.

spark-submit --py-files moodstream.zip deploy/spark_job.py --lake s3a://my-lake --stream events ...
"""

import os
import sys

from moodstream import exit_code_of
from streaming.cli import main

if __name__ == "__main__":
    code = exit_code_of("moodstream stream", main, sys.argv[1:], os.environ)
    # Some launchers count every SystemExit as a failure, even one with code 0.
    if code:
        sys.exit(code)
