"""What `spark-submit` is given: a launcher outside the package, whose folder would else become `sys.path[0]`.

spark-submit --py-files moodstream.zip deploy/spark_job.py --lake s3a://my-lake --stream events ...
"""

import os
import sys

from streaming.cli import main

if __name__ == "__main__":
    code = main(sys.argv[1:], os.environ)
    # Glue and some launchers take any SystemExit for a failure, a clean one too.
    if code:
        sys.exit(code)
