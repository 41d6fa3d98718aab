"""`ivrcore voice` and `template`: checked, imported, reviewed and deleted, on the store of the settings."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ivrcore.service.cli import CONFIG, Config
from ivrcore.service.cli_admin import AccountOption, at_desk
from ivrcore.service.cli_show import complain, say, show
from ivrcore.service.model import Review

if TYPE_CHECKING:  # as in ivrcore.service.cli
    from ivrcore.service.admin.desk import AdminDesk
    from ivrcore.service.admin.imports import Imported

T = TypeVar("T")

groups = typer.Typer(add_completion=False)
voice = typer.Typer(add_completion=False, no_args_is_help=True, help="Voice files.")
template = typer.Typer(add_completion=False, no_args_is_help=True, help="Templates of texts.")
groups.add_typer(voice, name="voice")
groups.add_typer(template, name="template")

Names = Annotated[list[str], typer.Argument(help="Their names.")]
Ids = Annotated[list[str], typer.Argument(help="Their ids.")]
Reason = Annotated[str, typer.Option(help="What is wrong with it.")]
Approve = Annotated[bool, typer.Option("--approve", help="Approve at once what was stored.")]


@voice.command("check")
def check_voices(files: Annotated[list[Path], typer.Argument(help="Files to be voice files.")]) -> None:
    """Say of each property of a file whether it is right; status 1 when one is not."""
    from ivrcore.service.content.voices import HOW_TO_CONVERT, Property, verdicts
    from media.errors import MediaError

    words = {True: "ok", False: "WRONG", None: "?"}
    all_right = True
    for file in files:
        try:
            told = verdicts(file, file.name)
        except MediaError as error:
            complain(str(error))
            raise typer.Exit(2) from None
        if len(files) > 1:
            say(str(file))
        show(
            ("property", "verdict", "found"), [(one.property.value, words[one.ok], one.text) for one in told]
        )
        wrong = [one.property for one in told if one.ok is False]
        if wrong and Property.NAME not in wrong:
            say(HOW_TO_CONVERT)
        all_right = all_right and not wrong
    raise typer.Exit(0 if all_right else 1)


@voice.command("import")
def import_voices(
    files: Annotated[list[Path], typer.Argument(help="Voice files, or with --convert any audio files.")],
    convert: Annotated[bool, typer.Option("--convert", help="Make right what is not.")] = False,
    approve: Approve = False,
    account: AccountOption = "",
    config: Config = CONFIG,
) -> None:
    """Store voice files under their own names; status 1 when one was refused."""

    def act(desk: "AdminDesk") -> "list[Imported]":
        from ivrcore.service.admin import imports

        return imports.import_voices(
            desk,
            desk.account(account),
            files,
            to_convert=convert,
            to_approve=approve,
            track=_bar("voice files", files),
        )

    _report(at_desk(config, act))


@voice.command("list")
def list_voices(account: AccountOption = "", config: Config = CONFIG) -> None:
    """List an account's voice files."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.store import content

        rows = [
            (
                one.name,
                one.state.value,
                one.duration_ms / 1000,
                one.level_dbm0,
                one.peak_dbm0,
                one.reason or None,
            )
            for one in desk.look(content.voice_files, desk.account(account).id)
        ]
        show(("name", "state", "seconds", "level dBm0", "peak dBm0", "reason"), rows)

    at_desk(config, act)


@voice.command("approve")
def approve_voices(names: Names, account: AccountOption = "", config: Config = CONFIG) -> None:
    """Approve voice files."""
    _review_voices(config, account, names, Review.APPROVED, "")


@voice.command("reject")
def reject_voices(names: Names, reason: Reason, account: AccountOption = "", config: Config = CONFIG) -> None:
    """Reject voice files."""
    _review_voices(config, account, names, Review.REJECTED, reason)


@voice.command("delete")
def delete_voices(names: Names, account: AccountOption = "", config: Config = CONFIG) -> None:
    """Delete voice files that no running call uses."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import content as changes
        from ivrcore.service.content import shelf

        places = desk.places
        for name in names:
            released = desk.change(changes.delete_voice, desk.account(account).id, name)
            desk.look(shelf.drop_unused, places.voices, places.pictures, released)

    at_desk(config, act)


@voice.command("waveform")
def draw_voice(
    name: Annotated[str, typer.Argument(help="Of the voice file.")],
    picture: Annotated[Path, typer.Argument(help="The PNG to write.")],
    account: AccountOption = "",
    config: Config = CONFIG,
) -> None:
    """Draw a voice file's waveform."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import content as changes
        from ivrcore.service.content import waveform

        stored = desk.look(changes.voice_of, desk.account(account).id, name)
        drawn = waveform.picture(desk.places.voices, desk.places.pictures, stored.sha256)
        picture.write_bytes(drawn.read_bytes())

    at_desk(config, act)


@template.command("import")
def import_templates(
    file: Annotated[Path, typer.Argument(help="JSON, or tab-separated: id, name, content, language.")],
    approve: Approve = False,
    account: AccountOption = "",
    config: Config = CONFIG,
) -> None:
    """Store templates of a list; status 1 when one was refused."""

    def act(desk: "AdminDesk") -> "list[Imported]":
        from ivrcore.service.admin import imports

        rows = imports.read_templates(file)
        track = _bar("templates", rows)
        return imports.import_templates(desk, desk.account(account), rows, to_approve=approve, track=track)

    _report(at_desk(config, act))


@template.command("add")
def add_template(
    text: Annotated[str, typer.Argument(help="With ${TXT_n}, ${NUM_n}, ${DATE}, ${TIME}.")],
    template_id: Annotated[str, typer.Option("--id", help="As templateId names it; made unless given.")] = "",
    name: Annotated[str, typer.Option(help="For people.")] = "",
    approve: Approve = False,
    account: AccountOption = "",
    config: Config = CONFIG,
) -> None:
    """Add a template, or replace the one of the id."""

    def act(desk: "AdminDesk") -> "list[Imported]":
        from ivrcore.service.admin import imports

        row = {"id": template_id, "name": name, "content": text}
        return imports.import_templates(desk, desk.account(account), [row], to_approve=approve)

    _report(at_desk(config, act))


@template.command("list")
def list_templates(account: AccountOption = "", config: Config = CONFIG) -> None:
    """List an account's templates."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.store import content

        rows = [
            (one.id, one.name, one.language, one.state.value, one.content, one.reason or None)
            for one in desk.look(content.templates, desk.account(account).id)
        ]
        show(("id", "name", "language", "state", "content", "reason"), rows)

    at_desk(config, act)


@template.command("approve")
def approve_templates(ids: Ids, account: AccountOption = "", config: Config = CONFIG) -> None:
    """Approve templates."""
    _review_templates(config, account, ids, Review.APPROVED, "")


@template.command("reject")
def reject_templates(ids: Ids, reason: Reason, account: AccountOption = "", config: Config = CONFIG) -> None:
    """Reject templates."""
    _review_templates(config, account, ids, Review.REJECTED, reason)


@template.command("delete")
def delete_templates(ids: Ids, account: AccountOption = "", config: Config = CONFIG) -> None:
    """Delete templates that no running call uses."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import content as changes

        for one in ids:
            desk.change(changes.delete_template, desk.account(account).id, one)

    at_desk(config, act)


def _review_voices(config: Path, account: str, names: Sequence[str], state: Review, reason: str) -> None:
    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import content as changes

        for name in names:
            desk.change(changes.review_voice, desk.account(account).id, name, state, reason)

    at_desk(config, act)


def _review_templates(config: Path, account: str, ids: Sequence[str], state: Review, reason: str) -> None:
    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import content as changes

        for one in ids:
            desk.change(changes.review_template, desk.account(account).id, one, state, reason)

    at_desk(config, act)


def _bar(what: str, things: Sequence[T]) -> Callable[[Iterable[T]], Iterable[T]]:
    """A progress bar on standard error, where somebody looks at it."""
    if not sys.stderr.isatty():
        return lambda passed: passed
    from rich.console import Console
    from rich.progress import track

    return lambda passed: track(passed, what, len(things), console=Console(stderr=True))


def _report(done: "Sequence[Imported]") -> None:
    for one in done:
        if one.refused:
            complain(f"{one.source}: {one.refused}")
        else:
            say(f"{one.stored_as}{' (converted)' if one.converted else ''}")
    raise typer.Exit(1 if any(one.refused for one in done) else 0)
