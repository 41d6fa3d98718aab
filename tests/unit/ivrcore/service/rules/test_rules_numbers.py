"""The table of numbers: what may be called under which policy, and why not."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ivrcore.service.rules import numbers
from ivrcore.service.rules.numbers import CALLABLE, Ruling, judge
from ivrcore.service.sections import NumberPolicy

CHINA, E164, ANY = NumberPolicy.CHINA, NumberPolicy.E164, NumberPolicy.ANY

CALLABLE_IN_CHINA = [
    "+8613900000001",  # of the vendor's examples
    "+8613900009999",
    # FAQ 5.1: a mobile number, and a fixed line with its area code, without the leading 0.
    "+8613500000002",
    "+8675528000001",
    # One of each range that subscribers have: China Mobile, China Unicom, China Telecom, broadcasting.
    "+8613601012345",
    "+8615012345678",
    "+8617812345678",
    "+8618812345678",
    "+8619812345678",
    "+8613012345678",
    "+8618612345678",
    "+8616612345678",
    "+8613312345678",
    "+8618912345678",
    "+8619912345678",
    "+8619212345678",
    # Virtual operators.
    "+8617012345678",
    "+8616712345678",
    # Data cards that became telephones.
    "+8614512345678",
    "+8614712345678",
    # Area codes of two and of three digits, subscriber numbers of seven and eight.
    "+861062345678",
    "+862162345678",
    "+862862345678",
    "+8657162345678",
    "+865782345678",
    "+869515012345",
    "+869718234567",
    # Next to those of Xinjiang and Tibet: Hainan 898, Shaanxi 911, Qinghai 979.
    "+8689866221234",
    "+869112123456",
    "+869798412345",
]

BARRED_IN_CHINA = [
    # FAQ 2.12, 5.17: other countries and regions, by country code.
    ("+12024561111", "another country"),
    ("+442079460000", "another country"),
    ("+819012345678", "another country"),
    ("+6561234567", "another country"),
    ("+85221234567", "Hong Kong"),
    ("+85360123456", "Macao"),
    ("+85366123456", "Macao"),
    ("+886912345678", "Taiwan"),
    ("+886223456789", "Taiwan"),
    # FAQ 2.11, 5.17: Tibet, area codes 891 to 897, and mobile ranges.
    ("+868916321234", "Tibet"),
    ("+868928821234", "Tibet"),
    ("+868936821234", "Tibet"),
    ("+868946821234", "Tibet"),
    ("+868956821234", "Tibet"),
    ("+868966821234", "Tibet"),
    ("+868976821234", "Tibet"),
    ("+8613908910000", "Tibet"),
    ("+8617889123456", "Tibet"),
    # Xinjiang, area codes 901 to 909 and 990 to 999.
    ("+869912812345", "Xinjiang"),
    ("+869902812345", "Xinjiang"),
    ("+869092212345", "Xinjiang"),
    ("+869022212345", "Xinjiang"),
    ("+869982812345", "Xinjiang"),
    ("+869992812345", "Xinjiang"),
    ("+8613909911234", "Xinjiang"),
    ("+8613579000000", "Xinjiang"),
    ("+8613090012345", "Xinjiang"),  # a range of six digits, not of seven
    # FAQ 2.11, 5.13: 95 and other short numbers, with and without an area code.
    ("+8695533", "a short number"),
    ("+86955330", "a short number"),
    ("+8695533123", "a short number"),
    ("+8695013123456", "a short number"),
    ("+8696110", "a short number"),
    ("+86110", "a short number"),
    ("+86120", "a short number"),
    ("+8612345", "a short number"),
    ("+8612306", "a short number"),
    ("+8610086", "a short number"),
    ("+86116114", "a short number"),
    ("+861095533", "a short number"),
    ("+8675595533", "a short number"),
    ("+8675512345", "a short number"),
    ("+86755110", "a short number"),
    ("+8675596123", "a short number"),
    ("+864008123456", "a 400 or 800 number"),
    ("+868008201234", "a 400 or 800 number"),
    ("+8616812345", "a premium-rate number"),
    # FAQ 2.8: IoT SIMs, of 13 and of 11 digits.
    ("+861440123456789", "an IoT SIM"),
    ("+861410123456789", "an IoT SIM"),
    ("+861400123456789", "an IoT SIM"),
    ("+861064612345678", "an IoT SIM"),
    ("+861064712345678", "an IoT SIM"),
    ("+861064812345678", "an IoT SIM"),
    ("+861064912345678", "an IoT SIM"),
    ("+8614612345678", "an IoT SIM"),
    ("+8614812345678", "an IoT SIM"),
    ("+8614912345678", "an IoT SIM"),
]

MALFORMED_IN_CHINA = [
    ("", "not + and country code and number"),
    ("+", "not + and country code and number"),
    ("13500000002", "not + and country code and number"),
    ("8613500000002", "not + and country code and number"),
    ("008613500000002", "not + and country code and number"),
    ("+86 13500000002", "not + and country code and number"),
    ("+86135-0000-0002", "not + and country code and number"),
    (" +8613500000002", "not + and country code and number"),
    ("+8613500000002\n", "not + and country code and number"),
    ("+8613500000002;ext=1", "not + and country code and number"),
    ("+８６１３５００００００２", "not + and country code and number"),
    ("+0862812345678", "not + and country code and number"),
    ("+86075528000001", "the area code has its leading 0"),
    ("+8601062345678", "the area code has its leading 0"),
    ("+99912345678", "no such country code"),
    ("+861350000000", "not a number of mainland China"),
    ("+86135000000022", "not a number of mainland China"),
    ("+8675520000", "not a number of mainland China"),
    ("+8690412345678", "not a number of mainland China"),
    ("+8611912345678", "not a number of mainland China"),
    ("sip:alice@192.0.2.1", "a SIP URI, and the lab switch is off"),
]


@pytest.mark.parametrize("number", CALLABLE_IN_CHINA)
def test_mainland_number_is_callable(number: str) -> None:
    assert judge(number, CHINA) == CALLABLE


@pytest.mark.parametrize(("number", "reason"), BARRED_IN_CHINA)
def test_barred_number_says_why(number: str, reason: str) -> None:
    verdict = judge(number, CHINA)
    assert (verdict.ruling, verdict.reason) == (Ruling.BARRED, reason)
    assert not verdict.callable


@pytest.mark.parametrize(("number", "reason"), MALFORMED_IN_CHINA)
def test_malformed_number_says_why(number: str, reason: str) -> None:
    verdict = judge(number, CHINA)
    assert (verdict.ruling, verdict.reason) == (Ruling.MALFORMED, reason)


def test_table_is_as_long_as_it_claims() -> None:
    every = [
        *CALLABLE_IN_CHINA,
        *(number for number, _ in BARRED_IN_CHINA),
        *(number for number, _ in MALFORMED_IN_CHINA),
    ]
    assert len(set(every)) == len(every) >= 100


@pytest.mark.parametrize(
    ("number", "ruling"),
    [
        ("+8613500000002", Ruling.CALLABLE),
        ("+8675528000001", Ruling.CALLABLE),
        ("+12024561111", Ruling.CALLABLE),
        ("+85221234567", Ruling.CALLABLE),
        ("+886912345678", Ruling.CALLABLE),
        ("+869912812345", Ruling.CALLABLE),
        ("+390612345678", Ruling.CALLABLE),  # Italy keeps the 0 of its area codes
        ("+86075528000001", Ruling.MALFORMED),  # China does not
        ("+4402079460000", Ruling.MALFORMED),
        ("+8612306", Ruling.MALFORMED),
        ("+1202456111", Ruling.MALFORMED),
        ("+99912345678", Ruling.MALFORMED),
        ("12024561111", Ruling.MALFORMED),
        ("+1-202-456-1111", Ruling.MALFORMED),
        ("+1202CALLNOW", Ruling.MALFORMED),
        ("sip:alice@192.0.2.1", Ruling.MALFORMED),
    ],
)
def test_e164_takes_valid_numbers_of_every_country(number: str, ruling: Ruling) -> None:
    assert judge(number, E164).ruling is ruling


@pytest.mark.parametrize(
    ("number", "ruling"),
    [
        ("6001", Ruling.CALLABLE),
        ("+600", Ruling.CALLABLE),
        ("+8612306", Ruling.CALLABLE),
        ("1" * 30, Ruling.CALLABLE),
        ("+" + "1" * 30, Ruling.CALLABLE),
        ("600", Ruling.MALFORMED),
        ("1" * 31, Ruling.MALFORMED),
        ("+" + "1" * 31, Ruling.MALFORMED),
        ("*72", Ruling.MALFORMED),
        ("*7260", Ruling.MALFORMED),  # would switch a feature of an exchange
        ("60 01", Ruling.MALFORMED),
        ("٦٠٠١", Ruling.MALFORMED),
        ("6001\n", Ruling.MALFORMED),
    ],
)
def test_any_takes_4_to_31_characters(number: str, ruling: Ruling) -> None:
    assert judge(number, ANY).ruling is ruling


@pytest.mark.parametrize("policy", list(NumberPolicy))
@pytest.mark.parametrize(
    ("uri", "ruling"),
    [
        ("sip:alice@192.0.2.1", Ruling.CALLABLE),
        ("sip:alice@192.0.2.1:5070;transport=udp", Ruling.CALLABLE),
        ("sip:alice@[2001:db8::1]:5070", Ruling.CALLABLE),
        ("sip:alice@2001:db8::1", Ruling.MALFORMED),
        ("sip:alice@[1:2]", Ruling.MALFORMED),
        ("SIPS:alice@example.com", Ruling.CALLABLE),
        ("sip:", Ruling.MALFORMED),
        ("sip:a b@example.com", Ruling.MALFORMED),
        ("sip:alice@example.com\r\nRoute: <sip:x@y>", Ruling.MALFORMED),
        ("sip:" + "a" * 60 + "@" + "b" * 200 + ".example", Ruling.MALFORMED),
        ("tel:+8613500000002", Ruling.MALFORMED),
    ],
)
def test_lab_takes_sip_uris_under_every_policy(policy: NumberPolicy, uri: str, ruling: Ruling) -> None:
    assert judge(uri, policy, lab=True).ruling is ruling


@pytest.mark.parametrize("policy", list(NumberPolicy))
def test_lab_changes_nothing_for_numbers(policy: NumberPolicy) -> None:
    for number in ("+8613500000002", "+12024561111", "+8695533", "6001", "x"):
        assert judge(number, policy, lab=True) == judge(number, policy)


def test_geodata_of_the_world_is_let_go() -> None:
    numbers.warm_up()
    judge("+8613909911234", CHINA)
    assert not [name for name in sys.modules if name.startswith("phonenumbers.geodata")]


def test_ranges_are_loaded_once_whoever_asks_meanwhile() -> None:
    """At a start the first requests come while a thread warms up, and others import what they need."""
    numbers._load_remote_ranges.cache_clear()
    together, over = threading.Barrier(4), threading.Event()

    def judge_one(_: int) -> str:
        together.wait()
        return judge("+8613909911234", CHINA).reason

    def import_many() -> None:
        names = [f"ivrcore_test_{n}" for n in range(100)]
        while not over.is_set():
            sys.modules.update(dict.fromkeys(names, sys))
            for name in names:
                del sys.modules[name]

    importing = threading.Thread(target=import_many)
    importing.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(judge_one, range(4))) == {"Xinjiang"}
    finally:
        over.set()
        importing.join()
    assert numbers._load_remote_ranges.cache_info().misses == 1


def test_every_remote_area_code_is_barred_whole() -> None:
    """The 23 area codes of both regions (numbering plan), each with a subscriber number of seven digits."""
    tibet = {f"{code}" for code in range(891, 898)}
    xinjiang = {
        *(f"{code}" for code in (901, 902, 903, 906, 908, 909)),
        *(f"{code}" for code in range(990, 1000)),
    }
    for code in tibet | xinjiang:
        verdict = judge(f"+86{code}2812345", CHINA)
        assert verdict.reason == ("Tibet" if code in tibet else "Xinjiang"), code
