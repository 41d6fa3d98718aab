"""The table: every notification and verification call that is tried, on loopback and over Asterisk.

A case says what the customer ordered, what the called party does, and what has to come of it. Its times are
as short as the rule allows. Sounds go by their names (sounds.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from ivrcore.request import Language
from tests.e2e.one_leg.sounds import ELEMENT_S, ELEMENTS, POS_TONE, PRE_TONE, SPOKEN_TEXT, TEXT

FIRST, SECOND, THIRD, *_ = ELEMENTS
CARRIED_OUT = (0, 0, "platform")
LEFT_BY_A = (0, 0, "A")
NO_KEYS = (8008, 100, "platform")
BUSY_AT_ONCE = (8102, 519, "platform")
NO_ANSWER = (8003, 514, "platform")

RFC4733, IN_BAND, INFO = TRANSPORTS = ("rfc4733", "in-band", "info")

KEYS_32 = "1155**77##0022446688AABBCCDD3399"
"""Every key, each twice running."""

THINKS_S = 0.4
"""From the end of a content at the customer's ear to its key."""


@dataclass(frozen=True)
class Customer:
    """The called party.

    Attributes:
        answers: else it is busy at once, or rings for ever.
        keys, by: what it presses from `after_s` its answer on, and by which transport.
        on_ms, off_ms: how long each key is held, and let go before the next.
        stays_s: it hangs up so long after its answer; inf for never.
    """

    answers: bool = True
    busy: bool = False
    keys: str = ""
    by: str = RFC4733
    after_s: float = ELEMENT_S + THINKS_S
    on_ms: int = 100
    off_ms: int = 100
    stays_s: float = inf


@dataclass(frozen=True)
class Case:
    """One call.

    Attributes:
        group, name: together its identity.
        order: the command line, without the party.
        customer: what it does.
        hears: the sounds in order, each from its first word to its last.
        cut: the last of them is cut by the customer's hang-up.
        collected: (element, digits) of each collection.
        verdict: stateCode, release point, and who ended it.
        speaks: the language of a code, whose digits are sounds of their own.
        lasts_s: about how long it lasts; the longest are made first.
        over_asterisk_only: another case shows the same on loopback, in less time.
    """

    group: str
    name: str
    order: tuple[str, ...]
    customer: Customer = Customer()
    hears: tuple[str, ...] = ()
    cut: bool = False
    collected: tuple[tuple[int, str], ...] = ()
    verdict: tuple[int, int, str] = CARRIED_OUT
    speaks: Language | None = None
    lasts_s: float = 2.0
    over_asterisk_only: bool = False

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.group}: {self.name}"


def cases() -> Iterator[Case]:
    """The whole table."""
    yield from elements()
    yield from replays()
    yield from collections()
    yield from long_inputs()
    yield from hang_ups()
    yield from codes()


def notify(*elements: str) -> tuple[str, ...]:
    """A notification of these files; options in between stay what they are."""
    words: list[str] = ["notify"]
    for element in elements:
        words += ["--file", element] if element in ELEMENTS else element.split()
    return tuple(words)


def elements() -> Iterator[Case]:
    """Order, and no word lost at either end."""
    yield Case("elements", "one", notify(FIRST), hears=(FIRST,))
    yield Case("elements", "five", notify(*ELEMENTS), hears=ELEMENTS, lasts_s=5.0)
    order = (*notify(FIRST), "--text", TEXT)
    yield Case("elements", "a file and a text", order, hears=(FIRST, SPOKEN_TEXT), lasts_s=4.0)


def replays() -> Iterator[Case]:
    """The trigger once, then another key; another key at once; and nothing at all."""
    order = notify(FIRST, "--collect 1 --replay-on 1", SECOND)
    pause_ms = round(1000 * (ELEMENT_S + 2 * THINKS_S))
    for by in TRANSPORTS:
        yield Case(
            "replay",
            f"on the trigger, then another key, {by}",
            order,
            Customer(keys="12", by=by, off_ms=pause_ms),
            hears=(FIRST, FIRST, SECOND),
            collected=((1, "1"), (1, "2")),
            lasts_s=5.0,
        )
    yield Case(
        "replay",
        "never, the trigger is not pressed",
        order,
        Customer(keys="2", by=IN_BAND),
        hears=(FIRST, SECOND),
        collected=((1, "2"),),
        lasts_s=3.0,
    )
    yield Case("replay", "never, no key", order, hears=(FIRST,), verdict=NO_KEYS, lasts_s=6.5)
    yield Case(
        "replay",
        "on three keys, then no key",
        notify(FIRST, "--collect 3 --replay-on 1*#", SECOND),
        Customer(keys="1*#", by=INFO),
        hears=(FIRST, FIRST),
        collected=((1, "1*#"),),
        verdict=NO_KEYS,
        lasts_s=8.5,
        over_asterisk_only=True,
    )
    yield Case(
        "replay",
        "on any key, until A leaves",
        notify(FIRST, "--collect 1 --replay-on any", SECOND),
        Customer(keys="470", off_ms=pause_ms, stays_s=6.7),
        hears=(FIRST, FIRST, FIRST, FIRST),
        collected=((1, "4"), (1, "7"), (1, "0")),
        verdict=LEFT_BY_A,
        lasts_s=7.0,
    )


def collections() -> Iterator[Case]:
    """What counts as input."""
    pause_ms = round(1000 * (ELEMENT_S + THINKS_S))
    yield Case(
        "collection",
        "one after each element",
        notify(FIRST, "--collect 1", SECOND, "--collect 1", THIRD),
        Customer(keys="78", by=INFO, off_ms=pause_ms),
        hears=(FIRST, SECOND, THIRD),
        collected=((1, "7"), (2, "8")),
        lasts_s=5.0,
    )
    yield Case(
        "collection",
        "fewer keys than asked for count when time is up",
        notify(FIRST, "--collect 4", SECOND),
        Customer(keys="12", by=IN_BAND),
        hears=(FIRST, SECOND),
        collected=((1, "12"),),
        lasts_s=8.0,
    )
    yield Case(
        "collection",
        "a key in the content does not count",
        notify(FIRST, "--collect 1", SECOND),
        Customer(keys="5", after_s=0.2),
        hears=(FIRST,),
        verdict=NO_KEYS,
        lasts_s=6.5,
        over_asterisk_only=True,
    )


def long_inputs() -> Iterator[Case]:
    """The most that can be collected, 50 ms on and 50 ms off."""
    for by in TRANSPORTS:
        yield Case(
            "32 keys",
            f"by {by}",
            notify(FIRST, "--collect 32", SECOND),
            Customer(keys=KEYS_32, by=by, on_ms=50, off_ms=50),
            hears=(FIRST, SECOND),
            collected=((1, KEYS_32),),
            lasts_s=6.0,
        )


def hang_ups() -> Iterator[Case]:
    """A leaves, or never comes."""
    yield Case(
        "hang-up",
        "in the content",
        notify(FIRST, SECOND),
        Customer(stays_s=ELEMENT_S / 2),
        hears=(FIRST,),
        cut=True,
        verdict=LEFT_BY_A,
    )
    yield Case(
        "hang-up",
        "in the collection: what was pressed is dropped",
        notify(FIRST, "--collect 3", SECOND),
        Customer(keys="1", stays_s=ELEMENT_S + THINKS_S + 0.7),
        hears=(FIRST,),
        verdict=LEFT_BY_A,
    )
    yield Case("hang-up", "busy", notify(FIRST), Customer(answers=False, busy=True), verdict=BUSY_AT_ONCE)
    order = (*notify(FIRST), "--ring-timeout", "2")
    yield Case("hang-up", "no answer", order, Customer(answers=False), verdict=NO_ANSWER)


def codes() -> Iterator[Case]:
    """preTone, the code digit by digit so many times, posTone."""
    tones = ("--pre-tone", PRE_TONE, "--pos-tone", POS_TONE)
    yield Case(
        "code",
        "twice in Chinese, with tones",
        ("verify", "480", "--times", "2", *tones),
        hears=(PRE_TONE, *"480480", POS_TONE),
        speaks=Language.CHINESE,
        lasts_s=9.0,
    )
    yield Case(
        "code",
        "three times in English, with tones",
        ("verify", "27", "--language", "en", *tones),
        hears=(PRE_TONE, *"272727", POS_TONE),
        speaks=Language.ENGLISH,
        lasts_s=9.0,
    )
    yield Case(
        "code",
        "eight digits once, without tones",
        ("verify", "31840138", "--times", "1"),
        hears=tuple("31840138"),
        speaks=Language.CHINESE,
        lasts_s=8.0,
        over_asterisk_only=True,
    )
    # One "seven" and its pause last 1.57 s: A leaves in the pause after the fourth.
    yield Case(
        "code",
        "until A leaves",
        ("verify", "7", "--times", "0", "--language", "en", *tones),
        Customer(stays_s=6.3),
        hears=(PRE_TONE, *"7777"),
        verdict=LEFT_BY_A,
        speaks=Language.ENGLISH,
        lasts_s=7.0,
    )


CASES = tuple(cases())
ON_LOOPBACK = tuple(case for case in CASES if not case.over_asterisk_only)
