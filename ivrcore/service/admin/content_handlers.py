"""What the operations on voice files and templates do. Files are looked at in a thread, one at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import DeferredLock

from ivrcore.service.admin import content as changes
from ivrcore.service.admin.accounts import existing
from ivrcore.service.admin.answers import (
    TemplateBody,
    TemplateList,
    VoiceBody,
    VoiceList,
)
from ivrcore.service.admin.asked import Asked, Reply
from ivrcore.service.admin.errors import AdminError
from ivrcore.service.admin.models import (
    ReviewBody,
    TemplateText,
    VoiceUpload,
)
from ivrcore.service.admin.ports import AdminPorts
from ivrcore.service.content import shelf
from ivrcore.service.content.files import voice_path
from ivrcore.service.content.voices import Prepared, prepare
from ivrcore.service.content.waveform import picture
from ivrcore.service.model import Template
from ivrcore.service.store import content

_JSON = "application/json"


class ContentHandlers:
    """Voice files and templates."""

    def __init__(self, ports: AdminPorts) -> None:
        self._ports = ports
        self._one_at_a_time = DeferredLock()

    # -- voice files --------------------------------------------------------------------------------------

    async def list_voices(self, asked: Asked) -> VoiceList:
        """All of an account."""
        await self._read(existing, asked.account_id)
        found = await self._read(content.voice_files, asked.account_id)
        return VoiceList.model_construct(items=[VoiceBody.of(voice) for voice in found])

    async def get_voice(self, asked: Asked) -> VoiceBody:
        """One."""
        return VoiceBody.of(await self._read(changes.voice_of, asked.account_id, asked.path["name"]))

    async def put_voice(self, asked: Asked) -> VoiceBody:
        """A new one, or another under a name that is there; it has to be reviewed then."""
        audio, to_convert = await self._in_thread(lambda: _uploaded(asked))
        await self._read(existing, asked.account_id)
        places, name = self._ports.places, asked.path["name"]
        prepared: Prepared = await self._in_thread(
            lambda: prepare(audio, name, places.scratch, to_convert=to_convert)
        )
        stored = await self._run(changes.put_voice, asked.by, places.voices, asked.account_id, prepared)
        voice, released = stored
        await self._drop(released)
        return VoiceBody.of(voice)

    async def delete_voice(self, asked: Asked) -> None:
        """One, and its content with the last name of it."""
        released = await self._run(changes.delete_voice, asked.by, asked.account_id, asked.path["name"])
        await self._drop(released)

    async def review_voice(self, asked: Asked) -> VoiceBody:
        """A verdict."""
        order = asked.order(ReviewBody)
        name = asked.path["name"]
        voice = await self._run(
            changes.review_voice, asked.by, asked.account_id, name, order.verdict, order.reason
        )
        return VoiceBody.of(voice)

    async def voice_audio(self, asked: Asked) -> Reply:
        """The file itself."""
        voice = await self._read(changes.voice_of, asked.account_id, asked.path["name"])
        path = voice_path(self._ports.places.voices, voice.sha256)
        return Reply("audio/wav", await self._in_thread(lambda: _content(path)), voice.name)

    async def voice_waveform(self, asked: Asked) -> Reply:
        """Its picture."""
        voice = await self._read(changes.voice_of, asked.account_id, asked.path["name"])
        places = self._ports.places

        def made() -> bytes:
            return _content(picture(places.voices, places.pictures, voice.sha256))

        return Reply("image/png", await self._in_thread(made))

    # -- templates ----------------------------------------------------------------------------------------

    async def list_templates(self, asked: Asked) -> TemplateList:
        """All of an account."""
        await self._read(existing, asked.account_id)
        found = await self._read(content.templates, asked.account_id)
        return TemplateList.model_construct(items=[TemplateBody.of(template) for template in found])

    async def get_template(self, asked: Asked) -> TemplateBody:
        """One."""
        return TemplateBody.of(await self._read(changes.template_of, asked.account_id, asked.path["id"]))

    async def add_template(self, asked: Asked) -> TemplateBody:
        """A new one, under an id that is made here."""
        return await self._put_template(asked, "")

    async def put_template(self, asked: Asked) -> TemplateBody:
        """A new one, or another text under an id that is there; it has to be reviewed then."""
        if not changes.TEMPLATE_ID.fullmatch(asked.path["id"]):
            raise AdminError(400, "1 to 32 letters, digits, or - _ . are needed", "id")
        return await self._put_template(asked, asked.path["id"])

    async def delete_template(self, asked: Asked) -> None:
        """One."""
        await self._run(changes.delete_template, asked.by, asked.account_id, asked.path["id"])

    async def review_template(self, asked: Asked) -> TemplateBody:
        """A verdict."""
        order = asked.order(ReviewBody)
        template_id = asked.path["id"]
        reviewed = await self._run(
            changes.review_template, asked.by, asked.account_id, template_id, order.verdict, order.reason
        )
        return TemplateBody.of(reviewed)

    async def _put_template(self, asked: Asked, template_id: str) -> TemplateBody:
        order = asked.order(TemplateText)
        template = Template(template_id, asked.account_id, order.name, order.content, language=order.language)
        return TemplateBody.of(await self._run(changes.put_template, asked.by, template))

    # -- what all handlers do -----------------------------------------------------------------------------

    async def _run(self, change: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self._ports.database.run(change, *args, **kwargs)

    async def _read(self, look: Callable[..., Any], *args: Any) -> Any:
        return await self._ports.database.read(look, *args)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        # One at a time: a conversion holds its whole audio in memory.
        return await self._one_at_a_time.run(self._ports.in_thread, work)

    async def _drop(self, sha256: str) -> None:
        places = self._ports.places
        if sha256:
            await self._ports.database.run(shelf.drop_unused, places.voices, places.pictures, sha256)


def _uploaded(asked: Asked) -> tuple[bytes, bool]:
    """The file, and whether it is to be converted; JSON by its Content-Type, else the body is the file."""
    wanted = bool(asked.query.get("convert", False))
    if asked.content_type.partition(";")[0].strip().lower() != _JSON:
        return asked.body, wanted
    order = asked.order(VoiceUpload)
    return order.content, wanted or order.convert


def _content(path: Path) -> bytes:
    return path.read_bytes()
