"""The position of the observe hop: a file beside the checkpoints that survives a restart."""

from __future__ import annotations

from pathlib import Path

from streaming.files import Files
from streaming.scoring.observer import Batch, Position


def test_the_position_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = f"{tmp_path}/checkpoints/observe/position.json"
    assert Position(Files(), path).read() is None
    batch = Batch("observe/1", 3, "2", {"silver/posts": 1}, {"silver/posts": 4})
    Position(Files(), path).write(batch)
    assert Position(Files(), path).read() == batch
