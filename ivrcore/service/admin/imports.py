"""Batches: voice files and lists of templates into the store, one after the other, each for itself."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivrcore.service.admin import content as changes
from ivrcore.service.admin.desk import AdminDesk
from ivrcore.service.content import shelf
from ivrcore.service.content.template import TemplateError
from ivrcore.service.content.voices import HOW_TO_CONVERT, VoiceFileError, prepare_file
from ivrcore.service.model import Account, Review, Template
from ivrcore.service.store.errors import RefusedChange
from media.errors import MediaError

TEMPLATE_COLUMNS = ("id", "name", "content", "language")


@dataclass(frozen=True)
class Imported:
    """What became of one thing; `refused` is "" when it was stored."""

    source: str
    stored_as: str = ""
    refused: str = ""
    converted: bool = False


def voice_name(path: Path, *, to_convert: bool) -> str:
    """The name a file gets: its own, with the ending of what it becomes."""
    return path.with_suffix(".wav").name if to_convert else path.name


def import_voices(
    desk: AdminDesk,
    account: Account,
    paths: Iterable[Path],
    *,
    to_convert: bool = False,
    to_approve: bool = False,
    track: Callable[[Iterable[Path]], Iterable[Path]] = iter,
) -> list[Imported]:
    """Store voice files; one that is refused keeps none of the others back.

    Args:
        to_convert: make right what is not.
        to_approve: review them at once.
        track: passes the files through, for a progress bar.
    """
    return [
        _voice(desk, account, path, to_convert=to_convert, to_approve=to_approve) for path in track(paths)
    ]


def _voice(desk: AdminDesk, account: Account, path: Path, *, to_convert: bool, to_approve: bool) -> Imported:
    name = voice_name(path, to_convert=to_convert)
    places = desk.places
    try:
        prepared = prepare_file(path, name, places.scratch, to_convert=to_convert)
        _, released = desk.change(changes.put_voice, places.voices, account.id, prepared)
        if released:
            desk.look(shelf.drop_unused, places.voices, places.pictures, released)
        if to_approve:
            desk.change(changes.review_voice, account.id, name, Review.APPROVED)
    except VoiceFileError as error:
        hint = f" ({HOW_TO_CONVERT})" if error.could_be_converted and not to_convert else ""
        return Imported(str(path), refused=f"{error}{hint}")
    except (MediaError, RefusedChange) as error:
        return Imported(str(path), refused=str(error))
    return Imported(str(path), name, converted=prepared.converted)


def read_templates(path: Path) -> list[dict[str, str]]:
    """The templates of a file: JSON (a list of objects), else tab-separated with a line of names first.

    Raises:
        ValueError: it is neither; the text names the line or the entry.
        OSError: it cannot be read.
    """
    text = path.read_text(encoding="utf-8-sig")
    rows = list(_of_json(text) if text.lstrip().startswith("[") else _of_tsv(text))
    for n, row in enumerate(rows, 1):
        unknown = set(row) - set(TEMPLATE_COLUMNS)
        if unknown:
            raise ValueError(f"{path}: entry {n}: there is no {min(unknown)}")
        if not row.get("content"):
            raise ValueError(f"{path}: entry {n}: the content is missing")
    return rows


def import_templates(
    desk: AdminDesk,
    account: Account,
    rows: Iterable[dict[str, str]],
    *,
    to_approve: bool = False,
    track: Callable[[Iterable[dict[str, str]]], Iterable[dict[str, str]]] = iter,
) -> list[Imported]:
    """Store templates; one that is refused keeps none of the others back."""
    done = []
    for n, row in enumerate(track(rows), 1):
        source = row.get("id") or f"entry {n}"
        language = row.get("language") or "zh"
        made = Template(row.get("id", ""), account.id, row.get("name", ""), row["content"], language=language)
        try:
            check_template(made)
            stored: Template = desk.change(changes.put_template, made)
            if to_approve:
                desk.change(changes.review_template, account.id, stored.id, Review.APPROVED)
        except (TemplateError, RefusedChange) as error:
            done.append(Imported(source, refused=str(error)))
        else:
            done.append(Imported(source, stored.id))
    return done


def check_template(template: Template) -> None:
    """Raises RefusedChange for an id, name or language that the API would not take either."""
    if template.id and not changes.TEMPLATE_ID.fullmatch(template.id):
        raise RefusedChange("a template's id has 1 to 32 letters, digits, or - _ .")
    if len(template.name) > 64 or not template.name.isprintable():
        raise RefusedChange("a template's name has at most 64 characters")
    if template.language not in ("zh", "en"):
        raise RefusedChange("a template's language is zh or en")


def _of_json(text: str) -> Iterator[dict[str, str]]:
    parsed: Any = json.loads(text)
    for n, entry in enumerate(parsed, 1):
        if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
            raise ValueError(f"entry {n} is no object of texts")
        yield entry


def _of_tsv(text: str) -> Iterator[dict[str, str]]:
    lines = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    names = next(lines, [])
    for cells in lines:
        if any(cells):
            if len(cells) > len(names):
                raise ValueError(f"line {lines.line_num} has more cells than the first")
            yield dict(zip(names, cells, strict=False))
