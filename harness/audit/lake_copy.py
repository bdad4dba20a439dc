"""A lake on the emulated S3 as a local folder, for the audit: DuckDB reads S3 with an extension that no wheel holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.local.errors import UsageError


def copy(s3: Any, url: str, target: Path) -> Path:
    """Copy what lies below an s3:// (or s3a://) URL, with its times; returns the folder. UsageError for another URL.

    `s3` is a boto3 client. The times matter: a log entry's tells when its commit became visible. Nothing may be written
    meanwhile, or a table's log may name a file that was not there yet when its folder was listed.
    """
    where = urlsplit(url)
    if where.scheme not in ("s3", "s3a") or not where.netloc:
        raise UsageError(f"--lake: received '{url}', expected s3://BUCKET or s3://BUCKET/PREFIX")
    prefix = f"{where.path.strip('/')}/".lstrip("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=where.netloc, Prefix=prefix)
    for entry in (entry for page in pages for entry in page.get("Contents", ()) if not entry["Key"].endswith("/")):
        path = target / entry["Key"].removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(where.netloc, entry["Key"], str(path))
        changed = entry["LastModified"].timestamp()
        os.utime(path, (changed, changed))
    return target
