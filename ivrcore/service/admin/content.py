"""Changes of voice files and templates, each with its line in the audit log in one transaction."""

import re
from pathlib import Path

from sqlalchemy import Connection

from ivrcore.service.admin.accounts import existing
from ivrcore.service.admin.by import By, account_target
from ivrcore.service.admin.keys import random_text
from ivrcore.service.content import shelf
from ivrcore.service.content.voices import Prepared
from ivrcore.service.model import Review, Template, VoiceFile
from ivrcore.service.store import content
from ivrcore.service.store.errors import NotFound

TEMPLATE_ID = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
NEW_TEMPLATE_ID_LENGTH = 16


def voice_of(connection: Connection, account_id: int, name: str) -> VoiceFile:
    """One voice file of an account. Raises NotFound."""
    voice = content.voice_file(connection, account_id, name)
    if voice is None:
        raise NotFound(f"the account has no voice file {name}")
    return voice


def template_of(connection: Connection, account_id: int, template_id: str) -> Template:
    """One template of an account. Raises NotFound."""
    template = content.template(connection, account_id, template_id)
    if template is None:
        raise NotFound(f"the account has no template {template_id}")
    return template


def put_voice(
    connection: Connection, by: By, voices: Path, account_id: int, prepared: Prepared
) -> tuple[VoiceFile, str]:
    """Add or replace a voice file; the hash beside it is for `shelf.drop_unused`, after the commit.

    Raises:
        NotFound: there is no such account.
        RefusedChange: a running call uses the file of this name.
    """
    existing(connection, account_id)
    replaces = content.voice_file(connection, account_id, prepared.name) is not None
    released = shelf.put_voice(connection, voices, account_id, prepared, by.at)
    detail = {"sha256": prepared.sha256, "bytes": prepared.n_bytes, "converted": prepared.converted}
    what = "voice.replace" if replaces else "voice.upload"
    by.note(connection, what, _voice_target(account_id, prepared.name), detail)
    return voice_of(connection, account_id, prepared.name), released


def delete_voice(connection: Connection, by: By, account_id: int, name: str) -> str:
    """Delete a voice file; returns a hash for `shelf.drop_unused`, after the commit.

    Raises:
        NotFound: the account has none of this name.
        RefusedChange: a running call uses it.
    """
    released = shelf.delete_voice(connection, account_id, name)
    by.note(connection, "voice.delete", _voice_target(account_id, name), {"sha256": released})
    return released


def review_voice(
    connection: Connection, by: By, account_id: int, name: str, state: Review, reason: str = ""
) -> VoiceFile:
    """Approve or reject a voice file. Raises NotFound, RefusedChange (a rejection without a reason)."""
    before = voice_of(connection, account_id, name)
    shelf.review_voice(connection, account_id, name, state, reason)
    detail = {"state": state.value, "reason": reason, "sha256": before.sha256}
    by.note(connection, "voice.review", _voice_target(account_id, name), detail)
    return voice_of(connection, account_id, name)


def put_template(connection: Connection, by: By, template: Template) -> Template:
    """Add a template, or replace the account's one of this id; an id is made where it is "".

    Raises:
        NotFound: there is no such account.
        TemplateError: the content breaks a rule.
        RefusedChange: a running call uses it, or the id is another account's.
    """
    existing(connection, template.account_id)
    template_id = template.id or random_text(NEW_TEMPLATE_ID_LENGTH)
    replaces = content.template(connection, template.account_id, template_id) is not None
    named = Template(
        template_id, template.account_id, template.name, template.content, language=template.language
    )
    shelf.put_template(connection, named, by.at)
    what = "template.replace" if replaces else "template.add"
    detail = {"name": named.name, "content": named.content}
    by.note(connection, what, _template_target(template.account_id, template_id), detail)
    return template_of(connection, template.account_id, template_id)


def delete_template(connection: Connection, by: By, account_id: int, template_id: str) -> None:
    """Delete a template. Raises NotFound; RefusedChange: a running call uses it."""
    shelf.delete_template(connection, account_id, template_id)
    by.note(connection, "template.delete", _template_target(account_id, template_id))


def review_template(
    connection: Connection, by: By, account_id: int, template_id: str, state: Review, reason: str = ""
) -> Template:
    """Approve or reject a template. Raises NotFound, RefusedChange (a rejection without a reason)."""
    shelf.review_template(connection, account_id, template_id, state, reason)
    detail = {"state": state.value, "reason": reason}
    by.note(connection, "template.review", _template_target(account_id, template_id), detail)
    return template_of(connection, account_id, template_id)


def _voice_target(account_id: int, name: str) -> str:
    return account_target(account_id, "voices", name)


def _template_target(account_id: int, template_id: str) -> str:
    return account_target(account_id, "templates", template_id)
