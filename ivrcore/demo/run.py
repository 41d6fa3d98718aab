"""Runs the demo: phones, the service, two calls ordered through its API, judgement, pictures, summary.

customer (this process) --orders, HTTP--> `ivrcore serve` --> its worker <-- SIP and RTP --> phones
        ^------ status events, CDRs, recording ------'                                     |
        |                                                                    heard-*.wav, reports
        `---------------------------> fingerprints, judges <-------------------------------'
                                               |
                       summary.json, timeline.png, notification.png, exit status
"""

import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from twisted.internet.defer import Deferred, DeferredList, gatherResults

from ivrcore.cdr import CallRecord
from ivrcore.demo import notification_scenario, scenario
from ivrcore.demo.customer import Customer, Pushed, Receiver
from ivrcore.demo.judge import TALK_A, TALK_B, Evidence, judge
from ivrcore.demo.notification_judge import NotificationEvidence, judge_notification
from ivrcore.demo.notification_scenario import CONTENTS, OTHER, TRIGGER, customer, notification
from ivrcore.demo.phone import Phone
from ivrcore.demo.picture import Track, draw
from ivrcore.demo.platform import Platform, Stock
from ivrcore.demo.push_judge import (
    CALLBACK_EVENTS,
    NOTIFICATION_EVENTS,
    judge_download,
    judge_pushes,
)
from ivrcore.demo.report import call_json, ear_of, shifted, stretch_json, table_of, track_of
from ivrcore.demo.rule import Ear, Finding
from ivrcore.demo.scenario import CLOCK_SCALE, TALK_S, make_talk, phone_a, phone_b
from ivrcore.program import AppReactor, run
from ivrcore.record_reading import record_of_json
from ivrcore.request import CallbackRequest
from ivrcore.service.model import Service
from ivrcore.sounds import PromptFiles, sounds_for, sounds_for_notification
from ivrcore.terminal import lasting
from media.fingerprint import Heard, KnownSignal, identify
from media.prompt import BuiltinPrompt, builtin
from media.speech.espeak import EspeakEngine
from media.types import SAMPLE_RATE_HZ
from media.wav import read_pcm
from sip.softphone import Script

SUMMARY, CALLBACK_PICTURE, NOTIFICATION_PICTURE = "summary.json", "timeline.png", "notification.png"
DOWNLOADED = "recording.wav"
NOTIFIED = "notified"
"""The third telephone; in its own call it is A."""

CLICK_TO_CALL, CALL_NOTIFY = "/rest/httpsessions/click2Call/v2.0", "/rest/httpsessions/callnotify/v2.0"


def run_demo(out: Path, cache: Path, *, trace: bool = False) -> int:
    """Run it; 0 when everything heard follows the rules, else 1.

    Raises:
        SipError, MediaError, OSError: it could not run at all.
    """
    out.mkdir(parents=True, exist_ok=True)
    demo = _Demo(out.absolute(), cache.absolute(), Console(file=lasting(sys.stdout), highlight=False), trace)
    results = (SUMMARY, CALLBACK_PICTURE, NOTIFICATION_PICTURE, DOWNLOADED)
    for old in (*(out / name for name in results), *demo.hear.values()):
        old.unlink(missing_ok=True)
    return run(lambda reactor: Deferred.fromCoroutine(demo.run(reactor)), lambda: sys.exit("interrupted"))


@dataclass
class _Call:
    """One call, when it is over."""

    record: CallRecord
    pushes: list[Pushed]
    fee: dict[str, Any]

    @property
    def zero_s(self) -> float:
        """When it began, in monotonic seconds."""
        return self.record.started_at_s


@dataclass(frozen=True)
class _Known:
    """What parties may hear."""

    prompts: list[KnownSignal] = field(default_factory=list)
    talks: list[KnownSignal] = field(default_factory=list)
    contents: list[KnownSignal] = field(default_factory=list)


class _Demo:
    def __init__(self, out: Path, cache: Path, console: Console, trace: bool) -> None:
        self._out = out
        self._cache = cache
        self._data = cache.parent / "demo-data"
        self._console = console
        self._trace = trace
        self._phones = {name: Phone(name) for name in ("A", "B", NOTIFIED)}
        self.hear = {name: out / f"heard-{name.lower()}.wav" for name in self._phones}
        self._platform = Platform(self._data, out / "recordings", trace=out / "core.log" if trace else None)
        self._receiver = Receiver(self._print_push)
        self._started_s = 0.0

    async def run(self, reactor: AppReactor) -> int:
        self._console.print("preparing prompts, three softphones and a service …")
        self._clear()
        talk = make_talk(self._out)
        contents = self._contents()
        scripts = {
            "A": phone_a(talk, self.hear["A"]),
            "B": phone_b(talk, self.hear["B"]),
            NOTIFIED: customer(contents[0].pcm.size / SAMPLE_RATE_HZ, self.hear[NOTIFIED]),
        }
        try:
            spawned = [self._spawn(reactor, name, script) for name, script in scripts.items()]
            self._platform.prepare(self._stock(await gatherResults(spawned)))
            self._receiver.listen(reactor)
            callback, downloaded = await self._make_callback(reactor)
            notified = await self._make_notification(reactor)
        finally:
            closing: list[Deferred[Any]] = [phone.close() for phone in self._phones.values()]
            closing += [Deferred.fromCoroutine(self._platform.stop()), self._receiver.close()]
            await DeferredList(closing, consumeErrors=True)
        talks = [
            KnownSignal(TALK_A, read_pcm(talk.talk_a), loop=True),
            KnownSignal(TALK_B, read_pcm(talk.talk_b), loop=True),
        ]
        return self._report(callback, downloaded, notified, _Known(self._prompts(), talks, contents))

    # -- the calls ----------------------------------------------------------------------------------------

    async def _make_callback(self, reactor: AppReactor) -> tuple[_Call, bytes]:
        base = await self._platform.start(reactor, clock_scale=CLOCK_SCALE)
        self._console.print(f"the API is {base}; the customer's clock runs {CLOCK_SCALE:g} times as fast")
        owner = Customer(base, *self._platform.keys[Service.CALLBACK])
        call = await self._order(owner, CLICK_TO_CALL, scenario.order())
        downloaded = await owner.recording(call.fee)
        (self._out / DOWNLOADED).write_bytes(downloaded)
        await self._platform.stop()
        return call, downloaded

    async def _make_notification(self, reactor: AppReactor) -> _Call:
        base = await self._platform.start(reactor, clock_scale=1.0)
        self._console.print(f"the API is {base}, after a restart; the clock is everybody's own")
        owner = Customer(base, *self._platform.keys[Service.NOTIFICATION])
        return await self._order(owner, CALL_NOTIFY, notification())

    async def _order(self, owner: Customer, path: str, order: dict[str, Any]) -> _Call:
        pushed_to = {
            "statusUrl": self._receiver.address("status"),
            "feeUrl": self._receiver.address("fee"),
        }
        self._started_s = time.monotonic()
        session = await owner.order(path, {**order, **pushed_to})
        self._console.print(f"   0.000 s  accepted as {session}")
        fee = await self._receiver.fee_of(session)
        record = record_of_json(self._platform.record(session), time.time() - time.monotonic())
        return _Call(record, self._receiver.of_session(session), fee)

    def _print_push(self, push: Pushed) -> None:
        self._console.print(f"{push.at_s - self._started_s:8.3f} s  {push.text()}")

    # -- before the calls ---------------------------------------------------------------------------------

    def _clear(self) -> None:
        """What an earlier run left, but for prepared prompts."""
        for old in self._data.iterdir() if self._data.exists() else ():
            if old.name != "cache":
                shutil.rmtree(old) if old.is_dir() else old.unlink()

    def _stock(self, addresses: list[str]) -> Stock:
        cache = self._data / "cache"
        called = (scenario.NUMBER_A, scenario.NUMBER_B, notification_scenario.NUMBER)
        return Stock(
            trunks=dict(zip(called, addresses, strict=True)),
            numbers=(scenario.DISPLAY_A, scenario.DISPLAY_B, notification_scenario.DISPLAY),
            voices={
                scenario.WAIT_FILE: builtin(BuiltinPrompt.WAIT_VOICE, cache),
                scenario.HINT_FILE: builtin(BuiltinPrompt.RECORD_HINT, cache),
            },
            templates=notification_scenario.TEMPLATES,
        )

    def _prompts(self) -> list[KnownSignal]:
        """What the platform plays in the callback."""
        everything = CallbackRequest(
            "A", "B", "", "", True, True, record=True, record_hint=True, max_duration_min=2
        )
        sounds = sounds_for(everything, PromptFiles(), self._data / "cache")
        return [
            KnownSignal(prompt.value, read_pcm(sound.path), loop=sound.loop)
            for prompt, sound in sounds.items()
        ]

    def _contents(self) -> list[KnownSignal]:
        """The elements of the notification, spoken."""
        sounds = sounds_for_notification(CONTENTS, self._data / "cache", EspeakEngine())
        return [KnownSignal(content.value, read_pcm(sound.path)) for content, sound in sounds.items()]

    def _spawn(self, reactor: AppReactor, name: str, script: Script) -> "Deferred[str]":
        trace = self._out / f"phone-{name}.log" if self._trace else None
        return self._phones[name].spawn(reactor, script, self._cache, trace)

    # -- after the calls ----------------------------------------------------------------------------------

    def _report(self, callback: _Call, downloaded: bytes, notified: _Call, known: _Known) -> int:
        self._console.print("listening to what each party heard …")
        findings, told = self._report_callback(callback, downloaded, known)
        of_notification, told_of_notification = self._report_notification(notified, known.contents)
        findings += of_notification
        failed = [finding for finding in findings if not finding.ok]
        summary = {
            "clock_scale": CLOCK_SCALE,
            **told,
            "notification": told_of_notification,
            "ok": not failed,
        }
        part = self._out / f"{SUMMARY}.part"
        part.write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        part.replace(self._out / SUMMARY)
        self._console.print(
            f"{len(findings) - len(failed)} of {len(findings)} rules hold; see {self._out / SUMMARY}, "
            f"{CALLBACK_PICTURE} and {NOTIFICATION_PICTURE}"
        )
        return 1 if failed else 0

    def _report_callback(
        self, call: _Call, downloaded: bytes, known: _Known
    ) -> tuple[list[Finding], dict[str, object]]:
        record = call.record
        ears = {name: self._ear(name, name, known.prompts + known.talks, call) for name in "AB"}
        path = None if record.recording is None else record.recording.path
        recorded = [] if path is None else identify(read_pcm(path), known.talks)
        findings = judge(
            Evidence(
                a=ears["A"],
                b=ears["B"],
                record=record,
                in_recording=recorded,
                spoken_offset_s=ears["B"].answered_s - ears["A"].answered_s,
                talk_s=TALK_S,
            )
        )
        findings += judge_pushes(call.pushes, CALLBACK_EVENTS, record, call.fee)
        findings.append(judge_download(downloaded, b"" if path is None else path.read_bytes()))
        self._console.print(table_of("the callback: what was heard and told, against the rules", findings))
        self._draw_callback(call, ears, recorded)
        heard = [(self._phones[name], ear) for name, ear in ears.items()]
        recording = {
            "path": None if path is None else str(path),
            "heard": [stretch_json(stretch) for stretch in recorded],
        }
        return findings, {**call_json(record, call.pushes, heard, findings), "recording": recording}

    def _report_notification(
        self, call: _Call, contents: list[KnownSignal]
    ) -> tuple[list[Finding], dict[str, object]]:
        phone, record = self._phones[NOTIFIED], call.record
        ear = self._ear("A", NOTIFIED, contents, call)
        pressed_s = [
            float(report["at_s"]) - call.zero_s for report in phone.reports if report["event"] == "pressed"
        ]
        last_s = contents[-1].pcm.size / SAMPLE_RATE_HZ
        findings = judge_notification(NotificationEvidence(ear, phone, pressed_s, last_s, record))
        findings += judge_pushes(call.pushes, NOTIFICATION_EVENTS, record, call.fee)
        title = "the notification: what was heard and told, against the rules"
        self._console.print(table_of(title, findings))
        labels = (f"key {TRIGGER} in band", f"key {OTHER} by RFC 4733")
        moments = [
            *_moments(
                call,
                (record.started_at_s, "A called"),
                (record.a.rang_at_s, "A rings"),
                (record.a.answered_at_s, "A answers"),
                (record.ended_at_s, "hang-up"),
            ),
            *zip(pressed_s, labels, strict=False),
        ]
        tracks = self._tracks({NOTIFIED: ear}, call)
        draw(self._out / NOTIFICATION_PICTURE, tracks, moments, "One notification, as its customer heard it")
        return findings, call_json(record, call.pushes, [(phone, ear)], findings)

    def _draw_callback(self, call: _Call, ears: dict[str, Ear], recorded: list[Heard]) -> None:
        record, tracks = call.record, self._tracks(ears, call)
        if record.recording is not None and record.recording.path and record.talk_started_at_s is not None:
            talk_s = record.talk_started_at_s - call.zero_s
            stretches = [shifted(stretch, talk_s) for stretch in recorded]
            tracks.append(Track("the recording", read_pcm(record.recording.path), talk_s, stretches))
        assert record.b is not None, "a callback has two parties"
        moments = _moments(
            call,
            (record.started_at_s, "A called"),
            (record.a.rang_at_s, "A rings"),
            (record.a.answered_at_s, "A answers"),
            (record.b.called_at_s, "B called"),
            (record.b.rang_at_s, "B rings"),
            (record.b.answered_at_s, "B answers"),
            (record.talk_started_at_s, "bridge"),
            (record.ended_at_s, "hang-up"),
        )
        draw(self._out / CALLBACK_PICTURE, tracks, moments, "One callback, as each party heard it")

    def _ear(self, party: str, phone: str, known: list[KnownSignal], call: _Call) -> Ear:
        return ear_of(party, self._phones[phone], self.hear[phone], known, call.zero_s)

    def _tracks(self, ears: dict[str, Ear], call: _Call) -> list[Track]:
        return [
            track_of(ear, self._phones[name], self.hear[name], call.zero_s)
            for name, ear in ears.items()
            if self.hear[name].exists()
        ]


def _moments(call: _Call, *moments: tuple[float | None, str]) -> list[tuple[float, str]]:
    return [(moment_s - call.zero_s, label) for moment_s, label in moments if moment_s is not None]
