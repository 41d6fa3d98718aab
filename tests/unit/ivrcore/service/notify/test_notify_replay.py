"""`ivrcore cdr replay`: files are pushed again, and each gets one line that says what became of it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select
from twisted.internet.defer import Deferred

from ivrcore.service.model import Account, ClientApp, Push, PushKind, Service
from ivrcore.service.notify.replay import replay
from ivrcore.service.notify.rows import taken_from_spool
from ivrcore.service.notify.spool import SpooledChunk, SpoolError, write_chunk
from ivrcore.service.notify.testing import Receiver, RememberingPusher, in_turn, reply
from ivrcore.service.store import accounts, outbox
from ivrcore.service.store.errors import StoreBusy
from ivrcore.service.store.schema import outbox as rows
from ivrcore.service.store.testing import ImmediateDatabase

NOW = datetime(2026, 3, 1, 8, 17, 40, tzinfo=UTC)
FEE = {"sessionId": "a", "callEndTime": "2026-03-01 08:17:40"}
CHUNK = SpooledChunk("g1", "app", "http://a.example/fee", (FEE,), 7, "HTTP 500", "2026-03-01T14:17:42+00:00")


class Replay:
    """One replay with a client that only remembers."""

    def __init__(self, judge: "Callable[[object], bool]" = lambda _: True) -> None:
        self.pusher = RememberingPusher(judge)
        self.lines: list[str] = []
        self.noted: list[str] = []

    def run(self, files: list[Path], url: str | None = None) -> int:
        done: list[int] = []
        Deferred.fromCoroutine(
            replay(self.pusher, self.secret, self.note, files, url, self.lines.append)
        ).addCallback(done.append)
        return done[0]

    def secret(self, app_key: str) -> str:
        if app_key != "app":
            raise SpoolError(f"there is no application {app_key}")
        return "secret"

    def note(self, group: str) -> None:
        self.noted.append(group)


def test_interrupted_replay_finishes_the_file_it_is_at(tmp_path: Path) -> None:
    files = [write_chunk(tmp_path, replace(CHUNK, group=f"g{n}")) for n in range(3)]
    again = Replay()
    done: list[int] = []
    go_on = [True, False]
    Deferred.fromCoroutine(
        replay(
            again.pusher,
            again.secret,
            again.note,
            files,
            None,
            again.lines.append,
            go_on=lambda: go_on.pop(0),
        )
    ).addCallback(done.append)
    assert done == [1]
    assert [path.exists() for path in files] == [False, True, True]
    assert again.lines[-1] == "2 of 3 files were not taken"


def test_a_taken_file_is_pushed_noted_and_moved(tmp_path: Path) -> None:
    path = write_chunk(tmp_path, CHUNK)
    again = Replay()
    assert again.run([path]) == 0
    (tried,) = again.pusher.tried
    assert (tried.kind, tried.app_key, tried.secret, tried.url) == (
        PushKind.FEE,
        "app",
        "secret",
        "http://a.example/fee",
    )
    assert tried.body == {"eventType": "fee", "feeLst": [FEE]}
    assert again.lines == [f"[1/1] {path.name}: 1 CDRs taken"]
    assert again.noted == ["g1"]
    assert not path.exists()
    assert (tmp_path / "done" / path.name).exists()


def test_a_file_that_is_not_taken_stays(tmp_path: Path) -> None:
    path = write_chunk(tmp_path, CHUNK)
    again = Replay(lambda _: False)
    assert again.run([path]) == 1
    assert again.lines == [f"[1/1] {path.name}: 1 CDRs not taken: HTTP 500", "1 of 1 files were not taken"]
    assert path.exists()
    assert again.noted == []


def test_another_address_can_be_given(tmp_path: Path) -> None:
    again = Replay()
    again.run([write_chunk(tmp_path, CHUNK)], "http://b.example/fee")
    assert again.pusher.tried[0].url == "http://b.example/fee"


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    foreign = write_chunk(tmp_path, replace(CHUNK, app_key="gone", group="g2"))
    good = write_chunk(tmp_path, CHUNK)
    again = Replay()
    assert again.run([bad, foreign, good, tmp_path / "missing.json"]) == 1
    assert again.lines == [
        "[1/4] bad.json: not sent: no spooled CDRs",
        f"[2/4] {foreign.name}: not sent: there is no application gone",
        f"[3/4] {good.name}: 1 CDRs taken",
        "[4/4] missing.json: not sent: No such file or directory",
        "3 of 4 files were not taken",
    ]


def test_no_files_are_no_failure() -> None:
    again = Replay()
    assert again.run([]) == 0
    assert again.lines == ["no CDR files wait"]


def test_a_store_that_cannot_note_it_does_not_undo_a_delivery(tmp_path: Path) -> None:
    path = write_chunk(tmp_path, CHUNK)
    again = Replay()

    def busy(_: str) -> None:
        raise StoreBusy("locked")

    taken: list[int] = []
    waiting = replay(again.pusher, again.secret, busy, [path], None, again.lines.append)
    Deferred.fromCoroutine(waiting).addCallback(taken.append)
    assert taken == [0]
    assert not path.exists()


def test_only_given_up_cdrs_of_the_message_are_noted_as_taken(tmp_path: Path) -> None:
    database = ImmediateDatabase(tmp_path)

    def states(connection: Connection) -> dict[str, str]:
        return {row.session: row.state for row in connection.execute(select(rows))}

    def prepare(connection: Connection) -> None:
        for session, group in (("a", "g1"), ("b", "g1"), ("c", "g2")):
            outbox.add(
                connection,
                Push(0, PushKind.FEE, "app", session, 0, CHUNK.url, FEE, NOW, NOW, group=group),
            )
        ids = [row.id for row in connection.execute(select(rows).where(rows.c.session != "b"))]
        outbox.spooled(connection, ids, "HTTP 500")

    database.run_now(prepare)
    database.run_now(taken_from_spool, "g1", NOW)
    database.run_now(taken_from_spool, "unknown", NOW)
    assert database.run_now(states) == {"a": "delivered", "b": "pending", "c": "spooled"}
    database.close()


COMMAND = """
import sys
from pathlib import Path
from ivrcore.service.notify.replay import run_cdr_replay
from ivrcore.service.settings import ServiceSettings
directory = Path(sys.argv[1])
settings = ServiceSettings(
    data_dir=directory, store={"url": f"sqlite:///{directory}/store.db"}, notify={"allow_private": True}
)
sys.exit(run_cdr_replay(settings, []))
"""


def test_the_command_pushes_all_that_wait_and_ends(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    database = ImmediateDatabase(directory)
    account = database.run_now(accounts.add_account, Account(0, "lab", "sp-lab"))
    app = ClientApp("app", "secret", account, "App", Service.CALLBACK)
    database.run_now(accounts.add_app, app, NOW)
    database.close()
    with Receiver(in_turn(reply(200), reply(500))) as receiver:
        for group in ("g1", "g2"):
            write_chunk(directory / "cdr-spool", replace(CHUNK, group=group, url=receiver.url))
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, str(directory)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert (done.returncode, done.stderr) == (1, "")
    assert [len(receiver.received), *done.stdout.splitlines()] == [
        2,
        "[1/2] 20260301081740-g1.json: 1 CDRs taken",
        "[2/2] 20260301081740-g2.json: 1 CDRs not taken: HTTP 500",
        "1 of 2 files were not taken",
    ]
    assert all("x-aksk" in received.headers for received in receiver.received)
