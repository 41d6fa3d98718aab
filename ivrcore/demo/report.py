"""What the demo shows of a call: ears, a table of findings, and plain data for summary.json."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.table import Table

from ivrcore.cdr import CallRecord
from ivrcore.demo.customer import Pushed
from ivrcore.demo.phone import Phone
from ivrcore.demo.picture import Track
from ivrcore.demo.rule import Ear, Finding
from media.fingerprint import Heard, KnownSignal, identify
from media.wav import read_pcm


def ear_of(party: str, phone: Phone, recording: Path, known: Sequence[KnownSignal], zero_s: float) -> Ear:
    """Listen to a telephone's recording; `zero_s`: when the call began, in monotonic seconds."""
    started_s = (phone.at("capture") or zero_s) - zero_s
    heard = identify(read_pcm(recording), known) if recording.exists() else []
    return Ear(
        party=party,
        heard=[shifted(stretch, started_s) for stretch in heard],
        answered_s=(phone.at("answered") or 0.0) - zero_s,
        invited_s=(phone.at("incoming") or 0.0) - zero_s,
        ended_s=(phone.at("ended") or 0.0) - zero_s,
    )


def shifted(stretch: Heard, by_s: float) -> Heard:
    """The same on a time axis that began so much earlier."""
    return replace(stretch, start_s=stretch.start_s + by_s, end_s=stretch.end_s + by_s)


def track_of(ear: Ear, phone: Phone, recording: Path, zero_s: float) -> Track:
    """A panel of the picture."""
    return Track(
        f"{ear.party} hears", read_pcm(recording), (phone.at("capture") or zero_s) - zero_s, ear.heard
    )


def table_of(title: str, findings: Sequence[Finding]) -> Table:
    """Every rule with what was measured."""
    table = Table(title=title, title_justify="left")
    for column in ("rule", "measured", ""):
        table.add_column(column)
    for finding in findings:
        table.add_row(
            finding.rule, finding.measured, "[green]holds[/]" if finding.ok else "[bold red]BROKEN[/]"
        )
    return table


def call_json(
    record: CallRecord,
    pushes: Sequence[Pushed],
    heard: Sequence[tuple[Phone, Ear]],
    findings: Sequence[Finding],
) -> dict[str, object]:
    """One call: what was pushed, what each telephone reported and heard, its record and the verdicts."""
    zero_s = record.started_at_s
    return {
        "events": [
            {"at_s": round(push.at_s - zero_s, 4), "what": push.kind, "text": push.text()} for push in pushes
        ],
        "phones": {
            ear.party: {
                "reports": [
                    {**report, "at_s": round(report["at_s"] - zero_s, 4)}
                    for report in phone.reports
                    if report["event"] != "ready"
                ],
                "heard": [stretch_json(stretch) for stretch in ear.heard],
            }
            for phone, ear in heard
        },
        "record": record.as_json(),
        "findings": [asdict(finding) for finding in findings],
    }


def stretch_json(stretch: Heard) -> dict[str, object]:
    """One stretch."""
    return {
        "name": stretch.name,
        "start_s": round(stretch.start_s, 4),
        "end_s": round(stretch.end_s, 4),
        "level_db": round(stretch.level_db, 1),
        "whole": stretch.whole,
    }
