"""A record comes back from its JSON as it was, to the millisecond."""

from dataclasses import replace
from pathlib import Path

import pytest

from ivrcore.cdr import CallRecord, CollectedRecord, LegRecord, RecordingRecord, SpeechRecord
from ivrcore.commands import Verdict
from ivrcore.events import KeyTransport, Party
from ivrcore.record_reading import record_of_json

OFFSET_S = 1_760_000_000.0

RECORD = CallRecord(
    session="s-1",
    verdict=Verdict(0, 0, Party.B),
    a=LegRecord("+8613800138001", "+8675528000001", 10.0, 10.25, 11.5, 70.125, 16, 200),
    b=LegRecord("+8613800138002", "+8675528000002", 12.0, None, 13.5, 70.0, 16, 200),
    started_at_s=10.0,
    ended_at_s=70.5,
    utc_offset_s=OFFSET_S,
    talk_started_at_s=13.5,
    recording=RecordingRecord(Path("/recordings/r.wav"), "", 56.5),
    collected=(CollectedRecord(20.0, 0, "12", (KeyTransport.IN_BAND, KeyTransport.RFC4733)),),
    speech=SpeechRecord(2, 1.5),
)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        replace(RECORD, b=None, recording=None, talk_started_at_s=None, collected=()),
        replace(RECORD, verdict=Verdict(8010), recording=RecordingRecord(None, "too short", 0.0)),
    ],
)
def test_record_comes_back(record: CallRecord) -> None:
    assert record_of_json(record.as_json(), OFFSET_S) == record


def test_moments_come_back_on_the_clock_that_is_asked_for() -> None:
    later = record_of_json(RECORD.as_json(), OFFSET_S - 100.0)
    assert later.a.answered_at_s == pytest.approx(111.5, abs=0.001)


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(KeyError):
        record_of_json({"session": "s-1"}, OFFSET_S)
