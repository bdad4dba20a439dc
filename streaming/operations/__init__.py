"""Commands that operators run on the lake while the stream runs: rejected, erase, label, rescore, backfill, maintain.

They use no Spark. The hops skip commits that change rows, so they do not process again what an operation rewrites. Rows
that an operation *appends* (replays, backfills) are new rows, which the hops process as any other. See
docs/operations.md.
"""
