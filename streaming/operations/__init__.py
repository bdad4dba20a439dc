"""What operators do to the lake beside the running stream: replay, erase, rescore, backfill, maintain.

No Spark takes part. The stream's readers skip commits that change rows, so nothing that is rewritten here is emitted
again; what is *appended* here (replays, backfills) is new to them and takes the ordinary way. See docs/operations.md.
"""
