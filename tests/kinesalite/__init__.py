"""kinesalite, the Kinesis whose shards split and merge as on AWS: closed shards end, children know their parents.

It is JavaScript: `tests/node_packages.py` installs it.
"""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import ports
from tests.node_packages import NODE, install
from tests.patience import patience

HERE = Path(__file__).parent
# Its own command listens on every interface. And a request for the position of a time after the last record is never
# answered: on AWS that is the position after the last record.
SERVE = """
const action = require.resolve('kinesalite/actions/getShardIterator')
const getShardIterator = require(action)
require.cache[action].exports = (store, data, cb) => {
  if (data.ShardIteratorType !== 'AT_TIMESTAMP') return getShardIterator(store, data, cb)
  let answered = false
  const answer = (...result) => { if (!answered) { answered = true; cb(...result) } }
  getShardIterator(store, data, answer)
  const latest = {StreamName: data.StreamName, ShardId: data.ShardId, ShardIteratorType: 'LATEST'}
  setTimeout(() => answered || getShardIterator(store, latest, answer), 200)
}
const [port] = process.argv.slice(1)
require('kinesalite')({createStreamMs: 20, deleteStreamMs: 20, updateStreamMs: 20, shardLimit: 100})
  .listen(port, '127.0.0.1')
"""


@contextmanager
def running() -> Iterator[str]:
    """The endpoint of a kinesalite of one's own."""
    port = ports.free()
    server = subprocess.Popen([str(NODE), "-e", SERVE, str(port)], cwd=install(HERE))
    try:
        _wait(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + patience(30)
    while True:
        assert server.poll() is None, "kinesalite ended"
        assert time.monotonic() < deadline, "kinesalite does not answer"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
                return
        except urllib.error.HTTPError:
            return  # it refuses what is no request of Kinesis, so it answers
        except OSError:
            time.sleep(0.05)
