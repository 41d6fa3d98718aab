"""`ivrcore cdr replay`: CDRs that were given up into files are pushed again (FAQ 9.6, "manual hand-over")."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred

from ivrcore.program import AppReactor, run
from ivrcore.service.model import PushKind
from ivrcore.service.notify.bodies import fee_body
from ivrcore.service.notify.client import PushClient, Pusher
from ivrcore.service.notify.pushes import own_resolver, push_rules
from ivrcore.service.notify.rows import taken_from_spool
from ivrcore.service.notify.spool import SpoolError, move_to_done, read_chunk
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store import accounts
from ivrcore.service.store.database import Database
from ivrcore.service.store.errors import StoreError
from ivrcore.terminal import put

Say = Callable[[str], object]


def run_cdr_replay(settings: ServiceSettings, files: Sequence[Path], url: str | None = None) -> int:
    """Push spooled CDRs again; one line for each file. Interrupted, it finishes the file it is at.

    Args:
        files: of cdr-spool/; empty for all that are there.
        url: push to this address instead of the files' own.

    Returns:
        Exit status: 0 when all were taken, 1 when some were not.
    """
    chosen = list(files) or sorted(settings.cdr_spool_dir.glob("*.json"))
    interrupted: list[bool] = []

    def task(reactor: AppReactor) -> "Deferred[int]":
        database = Database(settings.database_url, cast(Any, reactor))  # zope

        def secret_of(app_key: str) -> str:
            app = database.run_now(accounts.app, app_key)
            if app is None:
                raise SpoolError(f"there is no application {app_key}")
            return app.secret

        def note(group: str) -> None:
            database.run_now(taken_from_spool, group, datetime.now(UTC))

        async def push_and_close() -> int:
            try:
                client = PushClient(reactor, own_resolver(reactor), push_rules(settings.notify))
                return await replay(client, secret_of, note, chosen, url, put, go_on=lambda: not interrupted)
            except Exception as error:  # whatever the store or the network has: one line, and the status
                put(f"cannot go on: {error}")
                return 1
            finally:
                await database.close()

        return Deferred.fromCoroutine(push_and_close())

    return run(task, lambda: interrupted.append(True))


async def replay(
    pusher: Pusher,
    secret_of: Callable[[str], str],
    note: Callable[[str], None],
    files: Sequence[Path],
    url: str | None,
    say: Say,
    *,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Push files one after the other and move what was taken to done/; 0 when all were.

    Args:
        note: told the group of each that was taken, for the outbox.
        go_on: asked before each file; the rest stay where they are once it says no.
    """
    if not files:
        say("no CDR files wait")
        return 0
    n_taken = 0
    for number, path in enumerate(files, 1):
        if not go_on():
            break
        outcome, taken = await _replay_one(pusher, secret_of, note, path, url)
        n_taken += taken
        say(f"[{number}/{len(files)}] {path.name}: {outcome}")
    if n_taken < len(files):
        say(f"{len(files) - n_taken} of {len(files)} files were not taken")
    return 0 if n_taken == len(files) else 1


async def _replay_one(
    pusher: Pusher,
    secret_of: Callable[[str], str],
    note: Callable[[str], None],
    path: Path,
    url: str | None,
) -> tuple[str, bool]:
    try:
        chunk = read_chunk(path)
        chunk = replace(chunk, url=url or chunk.url)
        secret = secret_of(chunk.app_key)
    except (SpoolError, StoreError) as error:
        return f"not sent: {error}", False
    result = await pusher.push(PushKind.FEE, chunk.app_key, secret, chunk.url, fee_body(chunk.fees))
    if not result.ok:
        return f"{len(chunk.fees)} CDRs not taken: {result.error}", False
    with suppress(StoreError):  # the receiver has them: what the outbox says is the lesser evil
        note(chunk.group)
    try:
        move_to_done(path)
    except OSError as error:
        return f"{len(chunk.fees)} CDRs taken, but the file stays: {error.strerror}", True
    return f"{len(chunk.fees)} CDRs taken", True
