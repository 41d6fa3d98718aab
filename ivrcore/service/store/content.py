"""Voice files and templates (FAQ 6): what may be played and spoken, once it has been approved."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update

from ivrcore.service.model import Review, Template, VoiceFile
from ivrcore.service.store.errors import NotFound, RefusedChange
from ivrcore.service.store.rows import insert_if_new, micros
from ivrcore.service.store.schema import templates as template_rows
from ivrcore.service.store.schema import voice_files as voice_rows

_HASHES_A_QUERY = 500
"""Below the least number of parameters that a statement of SQLite takes."""


def add_voice_file(connection: Connection, voice: VoiceFile, now: datetime) -> None:
    """Store a voice file, or replace the account's file of the same name, with the state it carries."""
    values = _voice_values(voice) | {"created_us": micros(now)}
    if not insert_if_new(connection, voice_rows, values):
        connection.execute(
            update(voice_rows).where(*_voice_key(voice.account_id, voice.name)).values(**values)
        )


def voice_file(connection: Connection, account_id: int, name: str, *, hold: bool = False) -> VoiceFile | None:
    """One voice file in whatever state, None if the account has none of this name.

    Args:
        hold: nobody else changes it, or holds it, before this transaction ends. On SQLite that is so anyway.
    """
    query = select(voice_rows).where(*_voice_key(account_id, name))
    row = connection.execute(query.with_for_update() if hold else query).mappings().first()
    return None if row is None else _voice(row)


def held_voice_files(connection: Connection, account_id: int, names: Iterable[str]) -> dict[str, VoiceFile]:
    """Those of the names that the account has; nobody changes them before this transaction ends.

    Several transactions may hold the same ones so.
    """
    query = (
        select(voice_rows)
        .where(voice_rows.c.account_id == account_id, voice_rows.c.name.in_(sorted(names)))
        .order_by(voice_rows.c.name)  # in one order, so that no two wait for each other
        .with_for_update(read=True)
    )
    return {row["name"]: _voice(row) for row in connection.execute(query).mappings()}


def voice_files(connection: Connection, account_id: int) -> list[VoiceFile]:
    """The voice files of an account, by name."""
    query = select(voice_rows).where(voice_rows.c.account_id == account_id).order_by(voice_rows.c.name)
    return [_voice(row) for row in connection.execute(query).mappings()]


def set_voice_state(
    connection: Connection, account_id: int, name: str, state: Review, reason: str = ""
) -> None:
    """Approve or reject a voice file. Raises NotFound if there is none."""
    done = connection.execute(
        update(voice_rows).where(*_voice_key(account_id, name)).values(state=state.value, reason=reason)
    )
    if not done.rowcount:
        raise NotFound(f"the account has no voice file {name}")


def delete_voice_file(connection: Connection, account_id: int, name: str) -> None:
    """Forget a voice file; its content is for ivrcore.service.content. Raises NotFound if there is none."""
    done = connection.execute(delete(voice_rows).where(*_voice_key(account_id, name)))
    if not done.rowcount:
        raise NotFound(f"the account has no voice file {name}")


def is_content_used(connection: Connection, sha256: str) -> bool:
    """Whether any account's voice file has this content."""
    query = select(voice_rows.c.id).where(voice_rows.c.sha256 == sha256).limit(1)
    return connection.execute(query).first() is not None


def has_voice_files(connection: Connection) -> bool:
    """Whether any account has one."""
    return connection.execute(select(voice_rows.c.id).limit(1)).first() is not None


def named_contents(connection: Connection, hashes: Iterable[str]) -> set[str]:
    """Those of the contents that some account's voice file has."""
    named: set[str] = set()
    left = iter(sorted(hashes))
    while part := list(islice(left, _HASHES_A_QUERY)):
        query = select(voice_rows.c.sha256).where(voice_rows.c.sha256.in_(part)).distinct()
        named.update(connection.execute(query).scalars())
    return named


def add_template(connection: Connection, template: Template, now: datetime) -> None:
    """Store a template, or replace the account's template of the same id, with the state it carries.

    Raises:
        RefusedChange: another account has a template of this id.
    """
    values = _template_values(template) | {"created_us": micros(now)}
    if insert_if_new(connection, template_rows, values):
        return
    done = connection.execute(
        update(template_rows).where(*_template_key(template.account_id, template.id)).values(**values)
    )
    if not done.rowcount:
        raise RefusedChange(f"the template's id is in use: {template.id}")


def template(connection: Connection, account_id: int, template_id: str) -> Template | None:
    """One template in whatever state, None if the account has none of this id."""
    query = select(template_rows).where(*_template_key(account_id, template_id))
    row = connection.execute(query).mappings().first()
    return None if row is None else _template(row)


def templates(connection: Connection, account_id: int) -> list[Template]:
    """The templates of an account, by id."""
    query = select(template_rows).where(template_rows.c.account_id == account_id).order_by(template_rows.c.id)
    return [_template(row) for row in connection.execute(query).mappings()]


def set_template_state(
    connection: Connection, account_id: int, template_id: str, state: Review, reason: str = ""
) -> None:
    """Approve or reject a template. Raises NotFound if there is none."""
    done = connection.execute(
        update(template_rows)
        .where(*_template_key(account_id, template_id))
        .values(state=state.value, reason=reason)
    )
    if not done.rowcount:
        raise NotFound(f"the account has no template {template_id}")


def delete_template(connection: Connection, account_id: int, template_id: str) -> None:
    """Forget a template. Raises NotFound if there is none."""
    done = connection.execute(delete(template_rows).where(*_template_key(account_id, template_id)))
    if not done.rowcount:
        raise NotFound(f"the account has no template {template_id}")


def _voice_key(account_id: int, name: str) -> tuple[Any, ...]:
    return (voice_rows.c.account_id == account_id, voice_rows.c.name == name)


def _template_key(account_id: int, template_id: str) -> tuple[Any, ...]:
    return (template_rows.c.account_id == account_id, template_rows.c.id == template_id)


def _voice_values(voice: VoiceFile) -> dict[str, Any]:
    return {
        "account_id": voice.account_id,
        "name": voice.name,
        "sha256": voice.sha256,
        "n_bytes": voice.n_bytes,
        "duration_ms": voice.duration_ms,
        "level_dbm0": voice.level_dbm0,
        "peak_dbm0": voice.peak_dbm0,
        "state": voice.state.value,
        "reason": voice.reason,
    }


def _voice(row: RowMapping) -> VoiceFile:
    return VoiceFile(
        account_id=row["account_id"],
        name=row["name"],
        sha256=row["sha256"],
        n_bytes=row["n_bytes"],
        duration_ms=row["duration_ms"],
        state=Review(row["state"]),
        reason=row["reason"],
        level_dbm0=row["level_dbm0"],
        peak_dbm0=row["peak_dbm0"],
    )


def _template_values(template: Template) -> dict[str, Any]:
    return {
        "id": template.id,
        "account_id": template.account_id,
        "name": template.name,
        "content": template.content,
        "language": template.language,
        "state": template.state.value,
        "reason": template.reason,
    }


def _template(row: RowMapping) -> Template:
    return Template(
        id=row["id"],
        account_id=row["account_id"],
        name=row["name"],
        content=row["content"],
        state=Review(row["state"]),
        reason=row["reason"],
        language=row["language"],
    )
