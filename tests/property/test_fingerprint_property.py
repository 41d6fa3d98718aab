"""Whatever is played when, cut where and at which level: it is heard then, there and so."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from media.fingerprint import KnownSignal, gaps, heard_between, identify, offset
from media.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from media.testsignal import talk
from media.types import SAMPLE_RATE_HZ, Pcm16

LOOP, ONCE = talk(11, 5.0), talk(12, 3.0)
KNOWN = [KnownSignal("loop", LOOP, loop=True), KnownSignal("once", ONCE), KnownSignal("never", talk(13, 4.0))]
EDGE_S = 0.005
MASKED_EDGE_S = 0.020

gains_db = st.floats(-6.0, 6.0)
laws = st.sampled_from(("A", "mu"))


def played(length: int, *parts: tuple[Pcm16, int, float], law: str) -> Pcm16:
    total = np.zeros(length)
    for pcm, at, gain_db in parts:
        total[at : at + pcm.size] += pcm[: length - at] * 10.0 ** (gain_db / 20.0)
    pcm16: Pcm16 = np.round(total).astype(np.int16)
    return alaw_decode(alaw_encode(pcm16)) if law == "A" else ulaw_decode(ulaw_encode(pcm16))


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    at=st.integers(0, 16_000),
    first=st.integers(0, 39_999),
    length=st.integers(8000, 60_000),
    gain_db=gains_db,
    law=laws,
)
def test_any_cut_of_a_loop_is_one_stretch_with_right_edges(
    at: int, first: int, length: int, gain_db: float, law: str
) -> None:
    cut = LOOP[(np.arange(length) + first) % LOOP.size]
    found = identify(played(at + length + 4000, (cut, at, gain_db), law=law), KNOWN)
    assert [one.name for one in found] == ["loop"]
    assert abs(found[0].start_s - at / SAMPLE_RATE_HZ) <= EDGE_S
    assert abs(found[0].end_s - (at + length) / SAMPLE_RATE_HZ) <= EDGE_S
    turned_s = (found[0].signal_start_s - first / SAMPLE_RATE_HZ + 2.5) % 5.0 - 2.5
    assert abs(turned_s) <= EDGE_S
    assert abs(found[0].level_db - gain_db) < 0.3


@settings(deadline=None, max_examples=20, derandomize=True)
@given(at=st.integers(0, 40_000), under=st.booleans(), law=laws)
def test_signal_on_another_is_found_whether_15_db_over_or_under(at: int, under: bool, law: str) -> None:
    bed = LOOP[np.arange(72_000) % LOOP.size]
    heard = played(72_000, (bed, 0, 0.0 if under else -15.0), (ONCE, at, -15.0 if under else 0.0), law=law)
    found = identify(heard, KNOWN)
    assert {one.name for one in found} == {"loop", "once"}
    once = next(one for one in found if one.name == "once")
    assert once.whole
    assert abs(once.start_s - at / SAMPLE_RATE_HZ) <= MASKED_EDGE_S
    assert abs(heard_between(found, 0.0, 9.0)["loop"] - 9.0) <= 2 * MASKED_EDGE_S


@settings(deadline=None, max_examples=20, derandomize=True)
@given(cut=st.integers(6000, 18_000), shift_ms=st.integers(10, 40), inserted=st.booleans())
def test_one_slip_anywhere_leaves_the_signal_whole(cut: int, shift_ms: int, inserted: bool) -> None:
    n = shift_ms * SAMPLE_RATE_HZ // 1000
    slipped = np.concatenate((ONCE[:cut], ONCE[cut - n if inserted else cut + n :]))
    found = identify(played(32_000, (slipped, 4000, 0.0), law="A"), KNOWN)
    assert [(one.name, one.whole) for one in found] == [("once", True)]
    assert [slip.shift_s for slip in found[0].slips] == [(n if inserted else -n) / SAMPLE_RATE_HZ]


@settings(deadline=None, max_examples=20, derandomize=True)
@given(seed=st.integers(1000, 10_000), noise=st.floats(0.0, 500.0))
def test_strangers_are_not_recognised(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    stranger = talk(seed, 6.0) + rng.standard_normal(48_000) * noise
    assert identify(np.round(stranger).astype(np.int16), KNOWN) == []


@settings(deadline=None, max_examples=30, derandomize=True)
@given(shift=st.integers(-12_000, 12_000), gain_db=gains_db)
def test_offset_is_the_shift_to_the_sample(shift: int, gain_db: float) -> None:
    a = played(52_000, (ONCE, 14_000, 0.0), law="A")
    b = played(52_000, (ONCE, 14_000 + shift, gain_db), law="mu")
    assert offset(a, b) == shift / SAMPLE_RATE_HZ


@settings(deadline=None, max_examples=50, derandomize=True)
@given(start=st.integers(400, 20_000), length=st.integers(400, 8000))
def test_gap_is_where_it_was_cut(start: int, length: int) -> None:
    pcm = LOOP.copy()
    pcm[start : start + length] = 0
    found = gaps(pcm)
    assert len(found) == 1
    assert abs(found[0][0] - start / SAMPLE_RATE_HZ) <= EDGE_S
    assert abs(found[0][1] - (start + length) / SAMPLE_RATE_HZ) <= EDGE_S
