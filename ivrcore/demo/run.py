"""Runs the demo: phones, two calls, judgement, pictures, summary.

phones (child processes) <-- SIP and RTP on loopback --> the core in this process
        |                                                     |
   heard-*.wav, reports                          histories, records, recording
        `------------------> fingerprints, judges <-----------'
                                  |
           summary.json, timeline.png, notification.png, exit status
"""

import json
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from twisted.internet.defer import Deferred, DeferredList, gatherResults, inlineCallbacks

from ivrcore.app import Application, AppReactor, Settings, run
from ivrcore.call_command import TimelinePrinter
from ivrcore.cdr import CallRecord, Entry
from ivrcore.demo.judge import TALK_A, TALK_B, Evidence, judge
from ivrcore.demo.notification_judge import NotificationEvidence, judge_notification
from ivrcore.demo.notification_scenario import CONTENTS, OTHER, TRIGGER, customer, notification
from ivrcore.demo.phone import Phone
from ivrcore.demo.picture import Track, draw
from ivrcore.demo.report import call_json, ear_of, shifted, stretch_json, table_of, track_of
from ivrcore.demo.rule import Ear, Finding
from ivrcore.demo.scenario import CLOCK_SCALE, TALK_S, make_talk, phone_a, phone_b, request
from ivrcore.sounds import PromptFiles, sounds_for, sounds_for_notification
from ivrcore.terminal import lasting
from media.fingerprint import Heard, KnownSignal, identify
from media.speech.espeak import EspeakEngine
from media.types import SAMPLE_RATE_HZ
from media.wav import read_pcm
from sip.endpoint import EndpointSettings
from sip.softphone import Script

SUMMARY, CALLBACK_PICTURE, NOTIFICATION_PICTURE = "summary.json", "timeline.png", "notification.png"
NOTIFIED = "notified"
"""The third telephone; in its own call it is A."""


def run_demo(out: Path, cache: Path, *, trace: bool = False) -> int:
    """Run it; 0 when everything heard follows the rules, else 1.

    Raises:
        SipError, MediaError, OSError: it could not run at all.
    """
    out.mkdir(parents=True, exist_ok=True)
    demo = _Demo(out.absolute(), cache.absolute(), Console(file=lasting(sys.stdout), highlight=False), trace)
    for old in (out / SUMMARY, out / CALLBACK_PICTURE, out / NOTIFICATION_PICTURE, *demo.hear.values()):
        old.unlink(missing_ok=True)
    return run(demo.run, lambda: sys.exit("interrupted"))


@dataclass
class _Call:
    """One call: its history while it runs, and then its record."""

    entries: list[Entry] = field(default_factory=list)
    record: CallRecord | None = None

    @property
    def finished(self) -> CallRecord:
        assert self.record is not None, "the call is not over"
        return self.record

    @property
    def zero_s(self) -> float:
        """When it began, in monotonic seconds."""
        return self.finished.started_at_s


class _Demo:
    def __init__(self, out: Path, cache: Path, console: Console, trace: bool) -> None:
        self._out = out
        self._cache = cache
        self._data = cache.parent / "demo-data"
        self._console = console
        self._trace = trace
        self._phones = {name: Phone(name) for name in ("A", "B", NOTIFIED)}
        self.hear = {name: out / f"heard-{name.lower()}.wav" for name in self._phones}
        self._callback, self._notification = _Call(), _Call()

    @inlineCallbacks
    def run(self, reactor: AppReactor) -> "Generator[Deferred[Any], Any, int]":
        self._console.print("preparing prompts and three softphones …")
        talk = make_talk(self._out)
        contents = self._contents()
        scripts = {
            "A": phone_a(talk, self.hear["A"]),
            "B": phone_b(talk, self.hear["B"]),
            NOTIFIED: customer(contents[0].pcm.size / SAMPLE_RATE_HZ, self.hear[NOTIFIED]),
        }
        application: Application | None = None
        try:
            addresses = yield gatherResults([self._spawn(reactor, *script) for script in scripts.items()])
            a, b, notified = (f"sip:{name.lower()}@{at}" for name, at in zip(scripts, addresses, strict=True))
            asked = request(a, b)
            application = Application(self._settings(), reactor)
            limits = application.limits
            self._console.print(
                f"core on {application.address} (pjsua2 {limits.version}, {limits.calls} legs at most); "
                f"the customer's clock runs {CLOCK_SCALE:g} times as fast"
            )
            self._callback.record = yield application.call(
                asked, PromptFiles(), self._observer(self._callback)
            )
            self._console.print("the notification; from now on the clock is everybody's own")
            application.scale_clock(1.0)
            self._notification.record = yield application.notify(
                notification(notified),
                CONTENTS,
                self._observer(self._notification),
            )
        finally:
            closing: list[Deferred[Any]] = [phone.close() for phone in self._phones.values()]
            if application is not None:
                closing.append(application.close())
            yield DeferredList(closing, consumeErrors=True)
        prompts = sounds_for(asked, PromptFiles(), self._data / "cache")
        known = [
            KnownSignal(prompt.value, read_pcm(sound.path), loop=sound.loop)
            for prompt, sound in prompts.items()
        ]
        talks = [
            KnownSignal(TALK_A, read_pcm(talk.talk_a), loop=True),
            KnownSignal(TALK_B, read_pcm(talk.talk_b), loop=True),
        ]
        return self._report(known, talks, contents)

    def _contents(self) -> list[KnownSignal]:
        """The elements of the notification, spoken."""
        sounds = sounds_for_notification(CONTENTS, self._data / "cache", EspeakEngine())
        return [KnownSignal(content.value, read_pcm(sound.path)) for content, sound in sounds.items()]

    def _spawn(self, reactor: AppReactor, name: str, script: Script) -> "Deferred[str]":
        return self._phones[name].spawn(reactor, script, self._cache, self._trace_file(f"phone-{name}"))

    def _settings(self) -> Settings:
        return Settings(
            data_dir=self._data,
            endpoint=EndpointSettings(cache_dir=self._cache, trace_file=self._trace_file("core")),
            clock_scale=CLOCK_SCALE,
            recordings_dir=self._out / "recordings",
        )

    def _observer(self, call: _Call) -> Callable[[Entry], None]:
        printer = TimelinePrinter(self._console)

        def observe(entry: Entry) -> None:
            call.entries.append(entry)
            printer(entry)

        return observe

    def _trace_file(self, name: str) -> Path | None:
        return self._out / f"{name}.log" if self._trace else None

    # -- after the calls ----------------------------------------------------------------------------------

    def _report(self, known: list[KnownSignal], talks: list[KnownSignal], contents: list[KnownSignal]) -> int:
        self._console.print("listening to what each party heard …")
        findings, told = self._report_callback(known, talks)
        of_notification, told_of_notification = self._report_notification(contents)
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
        self, known: list[KnownSignal], talks: list[KnownSignal]
    ) -> tuple[list[Finding], dict[str, object]]:
        record = self._callback.finished
        ears = {name: self._ear(name, name, known + talks, self._callback) for name in "AB"}
        path = None if record.recording is None else record.recording.path
        recorded = [] if path is None else identify(read_pcm(path), talks)
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
        self._console.print(table_of("the callback: what was heard, against the rules", findings))
        self._draw_callback(record, ears, recorded)
        told = call_json(
            record,
            self._callback.entries,
            [(self._phones[name], ear) for name, ear in ears.items()],
            findings,
        )
        recording = {
            "path": None if path is None else str(path),
            "heard": [stretch_json(stretch) for stretch in recorded],
        }
        return findings, {**told, "recording": recording}

    def _report_notification(self, contents: list[KnownSignal]) -> tuple[list[Finding], dict[str, object]]:
        call, phone = self._notification, self._phones[NOTIFIED]
        ear = self._ear("A", NOTIFIED, contents, call)
        pressed_s = [
            float(report["at_s"]) - call.zero_s for report in phone.reports if report["event"] == "pressed"
        ]
        findings = judge_notification(
            NotificationEvidence(ear, phone, pressed_s, contents[-1].pcm.size / SAMPLE_RATE_HZ, call.finished)
        )
        self._console.print(table_of("the notification: what was heard, against the rules", findings))
        labels = (f"key {TRIGGER} in band", f"key {OTHER} by RFC 4733")
        record = call.finished
        moments = [
            *self._moments(
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
        return findings, call_json(record, call.entries, [(phone, ear)], findings)

    def _draw_callback(self, record: CallRecord, ears: dict[str, Ear], recorded: list[Heard]) -> None:
        call, tracks = self._callback, self._tracks(ears, self._callback)
        if record.recording is not None and record.recording.path and record.talk_started_at_s is not None:
            talk_s = record.talk_started_at_s - call.zero_s
            stretches = [shifted(stretch, talk_s) for stretch in recorded]
            tracks.append(Track("the recording", read_pcm(record.recording.path), talk_s, stretches))
        assert record.b is not None, "a callback has two parties"
        moments = self._moments(
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

    def _moments(self, call: _Call, *moments: tuple[float | None, str]) -> list[tuple[float, str]]:
        return [(moment_s - call.zero_s, label) for moment_s, label in moments if moment_s is not None]
