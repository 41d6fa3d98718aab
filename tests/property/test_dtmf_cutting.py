"""What a DtmfBank reports does not depend on how the audio is cut."""

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from media.dtmf import KEYS, DtmfBank, DtmfEvent, detect
from media.dtmf.testing import Key, dialled, frames_lost, noise, talker, through_line

N_LEGS = 3


def _audio() -> npt.NDArray[np.int16]:
    """Three legs with a hard second each: digits at every alignment, noise, a talker, a break."""
    rng = np.random.default_rng(20)
    legs = []
    for leg in range(N_LEGS):
        keys = [Key(KEYS[(5 * leg + 3 * index) % 16], on_ms=45 + 7 * index) for index in range(8)]
        signal, _ = dialled(keys, rng, 33 + 9 * leg, 60 + 7.3 * leg)
        signal = signal[: 8000 + 77]
        if leg == 1:
            signal = signal + noise(signal.size, -25, rng)
        if leg == 2:
            signal = frames_lost(signal + talker(2, rng, -28)[: signal.size], np.array([11, 27]))
        legs.append(through_line(np.concatenate([signal, np.zeros(8077 - signal.size)])))
    return np.stack(legs)


AUDIO = _audio()
WHOLE: list[tuple[int, DtmfEvent]] = []
_bank = DtmfBank(N_LEGS)
WHOLE += _bank.listen(AUDIO)
WHOLE += _bank.flush()


def test_the_audio_under_test_holds_digits() -> None:
    assert len(WHOLE) > 30


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.integers(min_value=0, max_value=1000), max_size=40))
def test_any_cutting_gives_the_same_events(sizes: list[int]) -> None:
    bank = DtmfBank(N_LEGS)
    events: list[tuple[int, DtmfEvent]] = []
    begin = 0
    for size in sizes:
        events += bank.listen(AUDIO[:, begin : begin + size])
        begin += size
    events += bank.listen(AUDIO[:, begin:])
    events += bank.flush()
    assert events == WHOLE


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(min_value=1, max_value=700))
def test_any_frame_size_gives_the_same_events(size: int) -> None:
    bank = DtmfBank(N_LEGS)
    events: list[tuple[int, DtmfEvent]] = []
    for begin in range(0, AUDIO.shape[1], size):
        events += bank.listen(AUDIO[:, begin : begin + size])
    assert events + bank.flush() == WHOLE


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(min_value=1, max_value=200), st.sets(st.integers(min_value=0, max_value=50), max_size=6))
def test_loss_hints_may_be_cut_as_well(size: int, lost_ticks: set[int]) -> None:
    """A lost 20 ms frame given in pieces is the frame given whole."""
    whole_bank, cut_bank = DtmfBank(N_LEGS), DtmfBank(N_LEGS)
    whole: list[tuple[int, DtmfEvent]] = []
    cut: list[tuple[int, DtmfEvent]] = []
    for tick in range(-(-AUDIO.shape[1] // 160)):
        frame = AUDIO[:, tick * 160 : (tick + 1) * 160]
        lost = np.full(N_LEGS, tick in lost_ticks)
        whole += whole_bank.listen(frame, lost)
        for begin in range(0, frame.shape[1], size):
            cut += cut_bank.listen(frame[:, begin : begin + size], lost)
    assert cut + cut_bank.flush() == whole + whole_bank.flush()


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.text(alphabet=KEYS, min_size=1, max_size=6), st.integers(min_value=0, max_value=2**32 - 1))
def test_any_number_within_the_standard_is_read(number: str, seed: int) -> None:
    """Q.24 (AT&T): 40 ms on and off, frequency, twist and level anywhere inside."""
    rng = np.random.default_rng(seed)
    keys = [
        Key(
            digit,
            on_ms=float(rng.uniform(40, 120)),
            low_dbm0=float(rng.uniform(-17, -4)),
            twist_db=float(rng.uniform(-8, 4)),
            low_offset=float(rng.uniform(-0.015, 0.015)),
            high_offset=float(rng.uniform(-0.015, 0.015)),
        )
        for digit in number
    ]
    signal, truth = dialled(keys, rng, float(rng.uniform(40, 90)), float(rng.uniform(30, 80)))
    found = detect(through_line(signal, "alaw" if seed % 2 else "ulaw"))
    assert [one.digit for one in found] == list(number)
    for one, true in zip(found, truth, strict=True):
        assert abs(one.start_s - true.start_s) < 0.003
        assert abs(one.end_s - true.end_s) < 0.003
