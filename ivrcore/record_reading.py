"""Reads an end-of-call record back from its JSON, as the store and the command line have it.

The way back from `CallRecord.as_json`. Moments were written to the millisecond, so that is how exact they
come back.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ivrcore.cdr import CallRecord, CollectedRecord, LegRecord, RecordingRecord, SpeechRecord
from ivrcore.commands import Verdict
from ivrcore.events import KeyTransport, Party


def record_of_json(raw: Mapping[str, Any], utc_offset_s: float) -> CallRecord:
    """The record.

    Args:
        utc_offset_s: UTC minus the monotonic clock that moments are to be in.

    Raises:
        KeyError, ValueError, TypeError: it is none.
    """

    def at_s(iso: str | None) -> float | None:
        return None if iso is None else datetime.fromisoformat(iso).timestamp() - utc_offset_s

    def moment_s(iso: str) -> float:
        return datetime.fromisoformat(iso).timestamp() - utc_offset_s

    def leg(of: Mapping[str, Any]) -> LegRecord:
        return LegRecord(
            number=of["number"],
            display=of["display"],
            called_at_s=at_s(of["calledAt"]),
            rang_at_s=at_s(of["rangAt"]),
            answered_at_s=at_s(of["answeredAt"]),
            ended_at_s=at_s(of["endedAt"]),
            q850=of["q850"],
            sip_status=of["sipStatus"],
            rejected_packets=of.get("rejectedPackets"),  # records of before have none
        )

    ended_by = None if raw["endedBy"] == "platform" else Party(raw["endedBy"])
    legs = raw["legs"]
    return CallRecord(
        session=raw["session"],
        verdict=Verdict(raw["stateCode"], raw["releasePoint"], ended_by),
        a=leg(legs["A"]),
        b=leg(legs["B"]) if "B" in legs else None,
        started_at_s=moment_s(raw["startedAt"]),
        ended_at_s=moment_s(raw["endedAt"]),
        utc_offset_s=utc_offset_s,
        talk_started_at_s=at_s(raw["talkStartedAt"]),
        recording=_recording(raw["recording"]),
        collected=tuple(
            CollectedRecord(
                moment_s(one["at"]),
                one["element"] - 1,
                one["digits"],
                tuple(KeyTransport(transport) for transport in one["transports"]),
            )
            for one in raw["collected"]
        ),
        speech=SpeechRecord(raw["tts"]["plays"], raw["tts"]["seconds"]),
    )


def _recording(raw: Mapping[str, Any] | None) -> RecordingRecord | None:
    if raw is None:
        return None
    path = None if raw["path"] is None else Path(raw["path"])
    return RecordingRecord(path, raw["reason"], raw["duration_s"])
