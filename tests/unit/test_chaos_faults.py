"""What `moodstream chaos` breaks is really broken, and whole again afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest

from deploy.local import workdir
from deploy.local.errors import UsageError
from harness.chaos import clock, main
from harness.chaos.faults import FAULTS, files_cannot_grow
from harness.chaos.proxy import S3, Proxy, Trouble
from harness.chaos.run import planned
from harness.chaos.victim import Countdown
from moodstream import exit_code_of
from streaming.commit_points import ONLY_WITH_BAD_ROWS, POINTS
from tests.patience import wait_until

OBJECT = "/moodstream-lake/silver/part.parquet"


class FakeStore(ThreadingHTTPServer):
    """Keeps what is put; answers GET and HEAD."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        store = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

            def do_PUT(self) -> None:
                store.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(b"")

            def do_GET(self) -> None:
                self.answer(store.kept.get(self.path, b""))

            do_HEAD = do_GET

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def store() -> Iterator[FakeStore]:
    server = FakeStore()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(store: FakeStore) -> Iterator[Proxy]:
    with Proxy(f"http://127.0.0.1:{store.server_port}") as proxy:
        yield proxy


def ask(proxy: Proxy, method: str, path: str = OBJECT, body: bytes | None = None) -> tuple[int, str, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{proxy.port}{path}", method=method, data=body)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["Content-Length"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, "", error.read()


def test_a_proxy_without_trouble_is_not_noticed(proxy: Proxy) -> None:
    assert ask(proxy, "PUT", body=b"rows")[0] == 200
    assert ask(proxy, "GET") == (200, "4", b"rows")
    assert ask(proxy, "HEAD") == (200, "4", b"")


def test_an_object_store_that_fails_answers_in_its_own_words_and_does_nothing(proxy: Proxy, store: FakeStore) -> None:
    proxy.trouble = Trouble(S3, "InternalError", status=500)
    status, _, body = ask(proxy, "PUT", body=b"rows")
    assert (status, body) == (500, b"<Error><Code>InternalError</Code><Message>by chaos</Message></Error>")
    assert (store.kept, proxy.broken) == ({}, 1)
    assert ask(proxy, "GET", "/another/service")[0] == 200


def test_an_answer_that_is_lost_hides_what_was_done(proxy: Proxy, store: FakeStore) -> None:
    proxy.trouble = Trouble(S3, "InternalError", status=500, done=True)
    assert ask(proxy, "PUT", body=b"rows")[0] == 500
    assert store.kept == {OBJECT: b"rows"}


def test_a_slow_store_answers_late(proxy: Proxy) -> None:
    proxy.trouble = Trouble(S3, status=200, delay_s=0.5)
    began = time.monotonic()
    assert ask(proxy, "GET")[0] == 200
    assert time.monotonic() - began > 0.5


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_full_disk_refuses_every_byte_until_there_is_room_again(tmp_path: Path) -> None:
    program = """
import signal, sys, time
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
while True:
    try:
        with open("grows", "a") as file: file.write("1\\n")
    except OSError as error:
        sys.stdout.write(f"{error.errno}\\n"); sys.stdout.flush()
    time.sleep(0.05)
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as child:
        try:
            wait_until(lambda: len(lines(tmp_path / "grows")) > 2, "the file grows")
            with files_cannot_grow([psutil.Process(child.pid)]):
                assert child.stdout is not None
                assert child.stdout.readline() == "27\n"  # EFBIG
                full = len(lines(tmp_path / "grows"))
            wait_until(lambda: len(lines(tmp_path / "grows")) > full, "the file grows")
        finally:
            child.kill()


def test_a_clock_is_set_back_under_a_running_process_and_set_right_again(tmp_path: Path) -> None:
    place = workdir.prepared(str(tmp_path))
    try:
        environ = clock.environ(place)
    except UsageError as missing:
        pytest.skip(str(missing))
    program = "import time\nwhile True: print(time.time(), time.monotonic(), flush=True); time.sleep(0.1)"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            shown = (tuple(map(float, line.split())) for line in child.stdout)
            first, steady = next(shown)
            assert abs(first - time.time()) < 60
            clock.set_back(place, clock.TWO_DAYS_S)
            back, later = next(times for times in shown if times[0] < first)
            assert abs(first - back - clock.TWO_DAYS_S) < 60
            assert 0 < later - steady < 60
            clock.set_back(place, 0)
            assert abs(next(wall for wall, _ in shown if wall > first) - time.time()) < 60
        finally:
            child.kill()
            child.wait()
            clock.tidy()


@pytest.mark.parametrize("fault", [name for name in FAULTS if name.startswith("s3_")])
def test_a_fault_of_s3_needs_a_lake_there(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("moodstream chaos", main, ["--faults", fault], {}) == 2
    assert capsys.readouterr().err == f"moodstream chaos: --faults: {fault} needs a lake on S3; say --lake s3\n"


def test_kills_take_every_commit_point_in_turn_and_random_moments() -> None:
    kills = [kill.point for kill in planned(100, seed=1)]
    points = [point for point in POINTS if point not in ONLY_WITH_BAD_ROWS]
    assert kills[: len(points) + 1] == [*points, "random moment"]
    assert set(kills) == {*points, "random moment"}


def test_the_job_ends_when_its_point_is_reached_for_the_given_time() -> None:
    ended: list[str] = []
    countdown = Countdown("refine.computed", 2, lambda: ended.append("at the second time"))
    for point in ("refine.computed", "refine.written"):
        countdown(point)
    assert ended == []
    countdown("refine.computed")
    assert ended == ["at the second time"]
