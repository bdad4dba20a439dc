"""The generator's ledger for the audit: every record that is sent, written down before the put.

A directory holds for every run `RUN-NNNNNN.jsonl` (intents and acknowledgements) and
`outbox-RUN-NNNNNN.jsonl` (the bytes, prunable). RUN begins with the run's start time, so that runs in
one directory never collide. Lines, one JSON object each:

* ``{"step":"intent","record":7,"sha256":...,"bytes":310,"events":[...]}`` is flushed to the operating
  system before the put. `events` says what must become of each event in the record.
* ``{"step":"ack","record":7,"shard_id":...,"sequence_number":...,"put_time":...}`` after it. With
  ``"run"`` it belongs to another run's record: put again, this acknowledgement replaces the first.
* ``{"step":"unknown","record":7}``: an attempt's outcome is unknown (the connection broke). It was put
  again, so the stream may hold the record twice, once under a sequence number that the generator never received.
* ``{"step":"unsendable","record":7,"reason":...}``: never put, because Kinesis cannot take it.
* ``{"step":"episode",...}``: when an episode begins, and what it does.
* ``{"step":"end","sent":...}``: the run ended by itself.

An intent without any of the others was in flight when the generator died: it may be in the stream.
"""

from generator.ledger.reader import (
    Ack,
    Entry,
    OutboxRecord,
    entries,
    episodes,
    outbox,
    prune_outbox,
    unacked,
)
from generator.ledger.writer import Ledger, Put

__all__ = [
    "Ack",
    "Entry",
    "Ledger",
    "OutboxRecord",
    "Put",
    "entries",
    "episodes",
    "outbox",
    "prune_outbox",
    "unacked",
]
