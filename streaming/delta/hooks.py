"""What delta-rs does after a commit of the job: a checkpoint when one is due, nothing else.

By default it also looks for expired entries after every commit, and lists the whole log for that: the cost grows with
each commit of the retention (7 days), to half of a commit's CPU after 800 of them, and on S3 it is a request for each
thousand entries. So the rounds of compaction do it instead, every few hundred commits (and so does `moodstream
maintain`).
"""

from __future__ import annotations

from deltalake import PostCommitHookProperties

AFTER_COMMIT = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
