"""Runs the demo: phones, call, judgement, picture, summary.

phones (child processes) <-- SIP and RTP on loopback --> the core in this process
        |                                                     |
   heard-a.wav, heard-b.wav, reports                 history, record, recording
        `------------------> fingerprints, judge <------------'
                                  |
                    summary.json, timeline.png, exit status
"""

import json
import sys
from collections.abc import Generator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from twisted.internet.defer import Deferred, DeferredList, gatherResults, inlineCallbacks

from ivrcore.app import Application, AppReactor, Settings, run
from ivrcore.call_command import TimelinePrinter
from ivrcore.cdr import CallRecord
from ivrcore.demo.judge import TALK_A, TALK_B, Ear, Evidence, Finding, judge
from ivrcore.demo.phone import Phone
from ivrcore.demo.picture import Track, draw
from ivrcore.demo.scenario import CLOCK_SCALE, TALK_S, make_talk, phone_a, phone_b, request
from ivrcore.sounds import PromptFiles, sounds_for
from ivrcore.terminal import lasting
from ivrcore.timeline import describe
from media.fingerprint import Heard, KnownSignal, identify
from media.wav import read_pcm
from sip.endpoint import EndpointSettings


def run_demo(out: Path, cache: Path, *, trace: bool = False) -> int:
    """Run it; 0 when everything heard follows the rules, else 1.

    Raises:
        SipError, MediaError, OSError: it could not run at all.
    """
    out.mkdir(parents=True, exist_ok=True)
    for old in ("summary.json", "timeline.png", "heard-a.wav", "heard-b.wav"):
        (out / old).unlink(missing_ok=True)
    console = Console(file=lasting(sys.stdout), highlight=False)
    demo = _Demo(out.absolute(), cache.absolute(), console, trace)
    return run(demo.run, lambda: sys.exit("interrupted"))


class _Demo:
    def __init__(self, out: Path, cache: Path, console: Console, trace: bool) -> None:
        self._out = out
        self._cache = cache
        self._console = console
        self._trace = trace
        self._phones = {name: Phone(name) for name in "AB"}
        self._hear = {"A": out / "heard-a.wav", "B": out / "heard-b.wav"}

    @inlineCallbacks
    def run(self, reactor: AppReactor) -> "Generator[Deferred[Any], Any, int]":
        self._console.print("preparing prompts and two softphones …")
        talk = make_talk(self._out)
        scripts = {"A": phone_a(talk, self._hear["A"]), "B": phone_b(talk, self._hear["B"])}
        application: Application | None = None
        try:
            uris = yield gatherResults(
                [
                    phone.spawn(reactor, scripts[name], self._cache, self._trace_file(f"phone-{name}"))
                    for name, phone in self._phones.items()
                ]
            )
            asked = request(f"sip:a@{uris[0]}", f"sip:b@{uris[1]}")
            settings = Settings(
                data_dir=self._cache.parent / "demo-data",
                endpoint=EndpointSettings(cache_dir=self._cache, trace_file=self._trace_file("core")),
                clock_scale=CLOCK_SCALE,
                recordings_dir=self._out / "recordings",
            )
            application = Application(settings, reactor)
            limits = application.limits
            self._console.print(
                f"core on {application.address} (pjsua2 {limits.version}, {limits.calls} legs at most); "
                f"the customer's clock runs {CLOCK_SCALE:g} times as fast"
            )
            history = TimelinePrinter(self._console)
            entries: list[Any] = []

            def observe(entry: Any) -> None:
                entries.append(entry)
                history(entry)

            record = yield application.call(asked, PromptFiles(), observe)
        finally:
            closing: list[Deferred[Any]] = [phone.close() for phone in self._phones.values()]
            if application is not None:
                closing.append(application.close())
            yield DeferredList(closing, consumeErrors=True)
        sounds = sounds_for(asked, PromptFiles(), settings.data_dir / "cache")
        known = [
            KnownSignal(prompt.value, read_pcm(sound.path), loop=sound.loop)
            for prompt, sound in sounds.items()
        ]
        known += [
            KnownSignal(TALK_A, read_pcm(talk.talk_a), loop=True),
            KnownSignal(TALK_B, read_pcm(talk.talk_b), loop=True),
        ]
        return self._report(record, known, entries)

    def _trace_file(self, name: str) -> Path | None:
        return self._out / f"{name}.log" if self._trace else None

    # -- after the call -----------------------------------------------------------------------------------

    def _report(self, record: CallRecord, known: list[KnownSignal], entries: list[Any]) -> int:
        self._console.print("listening to what each party heard …")
        zero_s = record.started_at_s
        ears = {name: self._ear(name, known, zero_s) for name in "AB"}
        talks = [signal for signal in known if signal.name in (TALK_A, TALK_B)]
        recorded: list[Heard] = []
        if record.recording is not None and record.recording.path is not None:
            recorded = identify(read_pcm(record.recording.path), talks)
        evidence = Evidence(
            a=ears["A"],
            b=ears["B"],
            record=record,
            in_recording=recorded,
            spoken_offset_s=ears["B"].answered_s - ears["A"].answered_s,
            talk_s=TALK_S,
        )
        findings = judge(evidence)
        self._print(findings)
        self._write_summary(record, ears, recorded, findings, entries, zero_s)
        self._draw(record, ears, recorded, zero_s)
        failed = [finding for finding in findings if not finding.ok]
        self._console.print(
            f"{len(findings) - len(failed)} of {len(findings)} rules hold; "
            f"see {self._out / 'summary.json'} and {self._out / 'timeline.png'}"
        )
        return 1 if failed else 0

    def _ear(self, name: str, known: list[KnownSignal], zero_s: float) -> Ear:
        phone = self._phones[name]
        started_s = (phone.at("capture") or zero_s) - zero_s
        heard = identify(read_pcm(self._hear[name]), known) if self._hear[name].exists() else []
        return Ear(
            party=name,
            heard=[
                replace(stretch, start_s=stretch.start_s + started_s, end_s=stretch.end_s + started_s)
                for stretch in heard
            ],
            answered_s=(phone.at("answered") or 0.0) - zero_s,
            invited_s=(phone.at("incoming") or 0.0) - zero_s,
            ended_s=(phone.at("ended") or 0.0) - zero_s,
        )

    def _print(self, findings: list[Finding]) -> None:
        table = Table(title="what was heard, against the rules", title_justify="left")
        for column in ("rule", "measured", ""):
            table.add_column(column)
        for finding in findings:
            table.add_row(
                finding.rule, finding.measured, "[green]holds[/]" if finding.ok else "[bold red]BROKEN[/]"
            )
        self._console.print(table)

    def _write_summary(
        self,
        record: CallRecord,
        ears: dict[str, Ear],
        recorded: list[Heard],
        findings: list[Finding],
        entries: list[Any],
        zero_s: float,
    ) -> None:
        events = [
            {"at_s": round(entry.at_s - zero_s, 4), "what": type(entry.what).__name__, "text": text}
            for entry in entries
            if (text := describe(entry)) is not None
        ]
        summary = {
            "clock_scale": CLOCK_SCALE,
            "events": events,
            "phones": {
                name: {
                    "reports": [
                        {**report, "at_s": round(report["at_s"] - zero_s, 4)}
                        for report in self._phones[name].reports
                        if report["event"] != "ready"
                    ],
                    "heard": [_stretch(stretch) for stretch in ear.heard],
                }
                for name, ear in ears.items()
            },
            "recording": {
                "path": str(record.recording.path) if record.recording and record.recording.path else None,
                "heard": [_stretch(stretch) for stretch in recorded],
            },
            "record": record.as_json(),
            "findings": [asdict(finding) for finding in findings],
            "ok": all(finding.ok for finding in findings),
        }
        part = self._out / "summary.json.part"
        part.write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        part.replace(self._out / "summary.json")

    def _draw(self, record: CallRecord, ears: dict[str, Ear], recorded: list[Heard], zero_s: float) -> None:
        tracks = [
            Track(f"{name} hears", read_pcm(self._hear[name]), self._started(name, zero_s), ears[name].heard)
            for name in "AB"
            if self._hear[name].exists()
        ]
        talk_s = None if record.talk_started_at_s is None else record.talk_started_at_s - zero_s
        if record.recording is not None and record.recording.path is not None and talk_s is not None:
            shifted = [
                replace(stretch, start_s=stretch.start_s + talk_s, end_s=stretch.end_s + talk_s)
                for stretch in recorded
            ]
            tracks.append(Track("the recording", read_pcm(record.recording.path), talk_s, shifted))
        assert record.b is not None, "a callback has two parties"
        moments = [
            (moment_s - zero_s, label)
            for moment_s, label in (
                (record.started_at_s, "A called"),
                (record.a.rang_at_s, "A rings"),
                (record.a.answered_at_s, "A answers"),
                (record.b.called_at_s, "B called"),
                (record.b.rang_at_s, "B rings"),
                (record.b.answered_at_s, "B answers"),
                (record.talk_started_at_s, "bridge"),
                (record.ended_at_s, "hang-up"),
            )
            if moment_s is not None
        ]
        draw(self._out / "timeline.png", tracks, moments, "One callback, as each party heard it")

    def _started(self, name: str, zero_s: float) -> float:
        return (self._phones[name].at("capture") or zero_s) - zero_s


def _stretch(stretch: Heard) -> dict[str, object]:
    return {
        "name": stretch.name,
        "start_s": round(stretch.start_s, 4),
        "end_s": round(stretch.end_s, 4),
        "level_db": round(stretch.level_db, 1),
        "whole": stretch.whole,
    }
