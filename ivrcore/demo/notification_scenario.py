"""The demo's second call: a notification of two elements, and a customer who presses keys by two transports.

The first element asks for a key and is replayed on 1. The customer presses 1 as a tone in its audio, hears
the element again, and presses 9 as an RFC 4733 event, which ends it: the second element says goodbye. The
customer's script knows how long an element lasts, and nothing of what the core does.
"""

from pathlib import Path
from typing import Any

from ivrcore.contents import Text
from sip.events import DigitTransport
from sip.softphone import Press, Script

NUMBER = "+8613800138003"
DISPLAY = "+8675528000003"
TRIGGER, OTHER = "1", "9"
TRIGGER_BY, OTHER_BY = DigitTransport.IN_BAND, DigitTransport.RFC4733
COLLECTED = ((TRIGGER, TRIGGER_BY.value), (OTHER, OTHER_BY.value))
"""What has to be in the record: keys, and how they came."""

CONTENTS = (Text("您好，重听请按一。"), Text("谢谢，再见。"))
RINGS_S, ANSWERS_S = 0.2, 0.8
THINKS_S = 0.6
"""From the end of a content at the customer's ear to its key."""

KEY_ON_MS, KEY_OFF_MS = 160, 60
LATE_S = 0.2
"""What the way to the core, the key, the core's tick and the way back add before the replay begins."""


TEMPLATES = {f"demo{n}": content.text for n, content in enumerate(CONTENTS, 1)}


def notification() -> dict[str, Any]:
    """What is ordered, as callnotify takes it."""
    first, second = ({"templateId": template, "templateParas": []} for template in TEMPLATES)
    replayed = {
        "collectInd": 1,
        "replayAfterCollection": "true",
        "collectContentTriggerReplaying": TRIGGER,
    }
    return {
        "displayNbr": DISPLAY,
        "calleeNbr": NUMBER,
        "playInfoList": [{**first, **replayed}, second],
        "userData": "demo-2",
    }


def customer(first_s: float, hear: Path) -> Script:
    """The telephone, for a first element of so many seconds."""
    first_key_s = first_s + THINKS_S
    return Script(
        ring_after_s=RINGS_S,
        answer_after_s=ANSWERS_S,
        hear=str(hear),
        presses=(
            Press(first_key_s, TRIGGER, TRIGGER_BY.value),
            Press(first_key_s + LATE_S + first_s + THINKS_S, OTHER, OTHER_BY.value),
        ),
        digit_on_ms=KEY_ON_MS,
        digit_off_ms=KEY_OFF_MS,
    )
