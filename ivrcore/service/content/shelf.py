"""What an account has on its shelf: voice files and templates, from `uploaded` to `approved` or `rejected`.

Plain functions on a connection. Nothing is replaced or deleted that a call which is up was ordered with: the
voice file is held first, and then such a call is looked for; an order holds it while it is accepted
(ivrcore.service.orders).

A content is written before the row that names it is committed, and deleted after the last such row is gone,
both while the same lock is held: the one writer's on SQLite, one for each content on PostgreSQL.
"""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from ivrcore.service.content import files, template
from ivrcore.service.content.usage import in_use
from ivrcore.service.content.voices import Prepared
from ivrcore.service.content.waveform import picture_path
from ivrcore.service.model import Review, Template, VoiceFile
from ivrcore.service.store import content
from ivrcore.service.store.errors import RefusedChange


def put_voice(
    connection: Connection, voices: Path, account_id: int, prepared: Prepared, now: datetime
) -> str:
    """Add a voice file or replace one of the same name; it is `uploaded` then, whatever it was.

    Returns:
        The hash of the content it replaced, "" for none: for `drop_unused`, after the commit.

    Raises:
        RefusedChange: a call that is up was ordered with the file of this name.
        MediaFileError: the disk refuses.
    """
    before = content.voice_file(connection, account_id, prepared.name, hold=True)
    if before is not None:
        _refuse_voice_in_use(connection, account_id, prepared.name)
    _hold(connection, prepared.sha256)
    files.keep(voices, prepared.audio)  # nothing is written when it is there
    voice = VoiceFile(
        account_id=account_id,
        name=prepared.name,
        sha256=prepared.sha256,
        n_bytes=prepared.n_bytes,
        duration_ms=prepared.duration_ms,
        level_dbm0=prepared.level_dbm0,
        peak_dbm0=prepared.peak_dbm0,
    )
    content.add_voice_file(connection, voice, now)
    return "" if before is None or before.sha256 == prepared.sha256 else before.sha256


def delete_voice(connection: Connection, account_id: int, name: str) -> str:
    """Delete a voice file; the hash of its content, for `drop_unused`, after the commit.

    Raises:
        NotFound: the account has none of this name.
        RefusedChange: a call that is up was ordered with it.
    """
    before = content.voice_file(connection, account_id, name, hold=True)
    if before is not None:
        _refuse_voice_in_use(connection, account_id, name)
    content.delete_voice_file(connection, account_id, name)
    return "" if before is None else before.sha256


def drop_unused(connection: Connection, voices: Path, pictures: Path, sha256: str) -> bool:
    """Delete a content and its picture when no voice file has it any more, in a transaction of its own."""
    _hold(connection, sha256)
    if content.is_content_used(connection, sha256):
        return False
    files.drop(voices, sha256)
    picture_path(pictures, sha256).unlink(missing_ok=True)
    return True


def review_voice(connection: Connection, account_id: int, name: str, state: Review, reason: str = "") -> None:
    """Approve or reject a voice file.

    Raises:
        NotFound: the account has none of this name.
        RefusedChange: `uploaded` is no verdict, or a rejection has no reason.
    """
    _check_verdict(state, reason)
    content.set_voice_state(connection, account_id, name, state, reason)


def put_template(connection: Connection, made: Template, now: datetime) -> None:
    """Add a template or replace the account's one of the same id; it is `uploaded` then, whatever it was.

    Raises:
        TemplateError: the content breaks a rule of FAQ 6.7.
        RefusedChange: a call that is up was ordered with it, or the id is another account's.
    """
    template.parse(made.content)
    if content.template(connection, made.account_id, made.id) is not None:
        _refuse_template_in_use(connection, made.account_id, made.id)
    stored = Template(made.id, made.account_id, made.name, made.content, language=made.language)
    content.add_template(connection, stored, now)


def delete_template(connection: Connection, account_id: int, template_id: str) -> None:
    """Delete a template.

    Raises:
        NotFound: the account has none of this id.
        RefusedChange: a call that is up was ordered with it.
    """
    _refuse_template_in_use(connection, account_id, template_id)
    content.delete_template(connection, account_id, template_id)


def review_template(
    connection: Connection, account_id: int, template_id: str, state: Review, reason: str = ""
) -> None:
    """Approve or reject a template.

    Raises:
        NotFound: the account has none of this id.
        RefusedChange: `uploaded` is no verdict, or a rejection has no reason.
    """
    _check_verdict(state, reason)
    content.set_template_state(connection, account_id, template_id, state, reason)


def _check_verdict(state: Review, reason: str) -> None:
    if state is Review.UPLOADED:
        raise RefusedChange("a review ends in approved or rejected")
    if state is Review.REJECTED and not reason.strip():
        raise RefusedChange("a rejection needs a reason")


def _refuse_voice_in_use(connection: Connection, account_id: int, name: str) -> None:
    if name in in_use(connection, account_id).voices:
        raise RefusedChange(f"the voice file is in use by a running call: {name}")


def _refuse_template_in_use(connection: Connection, account_id: int, template_id: str) -> None:
    if template_id in in_use(connection, account_id).templates:
        raise RefusedChange(f"the template is in use by a running call: {template_id}")


def _hold(connection: Connection, sha256: str) -> None:
    """Let one transaction at a time decide about a content. On SQLite this one is the only writer anyway."""
    if connection.dialect.name == "postgresql":
        key = int.from_bytes(bytes.fromhex(sha256[:16]), "big", signed=True)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
