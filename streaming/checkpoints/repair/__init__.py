"""Repairs of damaged checkpoints that lose nothing and double nothing; each may be repeated.

What the hops recognise by themselves decides how. `refine` drops copies of events, so it may read a batch again. The
sums of `aggregate` cannot tell a copy, so its checkpoint is set aside and gold is computed anew (decision 022).
`ingest` continues after the last record that bronze holds.
"""
