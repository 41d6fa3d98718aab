"""media.dtmf.DtmfBank: many live legs, begins and ends, loss, reset."""

import numpy as np
import numpy.typing as npt
import pytest

from media.dtmf import KEYS, DtmfBank, DtmfDigit, DtmfEvent, DtmfOnset, detect
from media.dtmf.testing import Key, dialled, frames_lost, key_signal, silence, through_line
from media.errors import MediaFormatError
from media.types import Pcm16

TICK = 160


def recording(
    digits: str, seed: int = 1, on_ms: float = 60.0, pause_ms: float = 60.0
) -> tuple[Pcm16, list[DtmfDigit]]:
    keys = [Key(digit, on_ms=on_ms) for digit in digits]
    signal, truth = dialled(keys, np.random.default_rng(seed), pause_ms)
    return through_line(signal), truth


def side_by_side(recordings: list[Pcm16]) -> npt.NDArray[np.int16]:
    longest = -(-max(pcm.size for pcm in recordings) // TICK) * TICK
    legs = np.zeros((len(recordings), longest), dtype=np.int16)
    for leg, pcm in enumerate(recordings):
        legs[leg, : pcm.size] = pcm
    return legs


def in_ticks(bank: DtmfBank, audio: npt.NDArray[np.int16]) -> list[tuple[int, int, DtmfEvent]]:
    """Events with the sample by which each was known."""
    events = []
    for begin in range(0, audio.shape[1], TICK):
        for leg, event in bank.listen(audio[:, begin : begin + TICK]):
            events.append((begin + TICK, leg, event))
    return events


def test_each_leg_hears_its_own_digits() -> None:
    numbers = ["123", "4567", "89*0#", "", "ABCD"]
    bank = DtmfBank(5)
    heard = ["", "", "", "", ""]
    for leg, digit in bank.feed(
        side_by_side([recording(digits, seed)[0] for seed, digits in enumerate(numbers)])
    ):
        heard[leg] += digit.digit
    assert heard == numbers


def test_a_leg_of_many_reports_what_it_reports_alone() -> None:
    pcm = [recording(KEYS[leg:] + KEYS[:leg], leg)[0] for leg in range(12)]
    legs = side_by_side(pcm)
    found: list[list[DtmfDigit]] = [[] for _ in pcm]
    for leg, digit in DtmfBank(12).feed(legs):
        found[leg].append(digit)
    for leg in range(12):
        alone = detect(legs[leg])
        assert [one.digit for one in found[leg]] == [one.digit for one in alone]
        assert [one.start_s for one in found[leg]] == pytest.approx([one.start_s for one in alone], abs=1e-4)
        assert [one.end_s for one in found[leg]] == pytest.approx([one.end_s for one in alone], abs=1e-4)


def test_onset_is_known_within_52_ms_while_the_tone_lasts() -> None:
    pcm, truth = recording(KEYS, on_ms=100)
    onsets = [
        (known, event)
        for known, _, event in in_ticks(DtmfBank(1), pcm[None, :])
        if isinstance(event, DtmfOnset)
    ]
    assert "".join(event.digit for _, event in onsets) == KEYS
    for (known, _), true in zip(onsets, truth, strict=True):
        assert known / 8000 - true.start_s <= 0.052


def test_end_is_known_within_50_ms() -> None:
    pcm, truth = recording(KEYS)
    ends = [
        (known, event)
        for known, _, event in in_ticks(DtmfBank(1), pcm[None, :])
        if isinstance(event, DtmfDigit)
    ]
    for (known, _), true in zip(ends, truth, strict=True):
        assert known / 8000 - true.end_s <= 0.052


def test_onset_and_digit_alternate_and_agree() -> None:
    pcm, _ = recording("12345#")
    events = [event for _, event in DtmfBank(1).listen(pcm[None, :])]
    assert [type(event) for event in events] == [DtmfOnset, DtmfDigit] * 6
    for onset, digit in zip(events[::2], events[1::2], strict=True):
        assert onset.digit == digit.digit
        assert onset.start_s == digit.start_s


def test_key_still_held_is_begun_but_not_ended() -> None:
    tone = key_signal(Key("8", on_ms=500), np.random.default_rng(1))
    events = DtmfBank(1).listen(through_line(np.concatenate([silence(100), tone]))[None, :])
    assert [type(event) for _, event in events] == [DtmfOnset]


def test_flush_ends_what_is_open_at_the_end_of_the_audio() -> None:
    tone = key_signal(Key("8", on_ms=503), np.random.default_rng(1))
    bank = DtmfBank(1)
    bank.listen(through_line(np.concatenate([silence(100), tone]))[None, :])
    ((leg, event),) = bank.flush()
    assert leg == 0
    assert isinstance(event, DtmfDigit)
    assert event.end_s == pytest.approx(0.603, abs=0.0015)


def test_flush_starts_over() -> None:
    pcm, truth = recording("42")
    bank = DtmfBank(1)
    first = [event for _, event in bank.listen(pcm[None, :]) + bank.flush()]
    second = [event for _, event in bank.listen(pcm[None, :]) + bank.flush()]
    assert first == second
    assert len(first) == 2 * len(truth)


def test_reset_forgets_one_leg_and_no_other() -> None:
    tone = through_line(
        np.concatenate([silence(100), key_signal(Key("8", on_ms=140), np.random.default_rng(1))])
    )
    bank = DtmfBank(2)
    begun = bank.listen(np.stack([tone, tone]))
    assert [leg for leg, _ in begun] == [0, 1]
    bank.reset(0)
    ended = bank.feed(np.zeros((2, 1600), dtype=np.int16))
    assert [leg for leg, _ in ended] == [1]


def test_times_count_from_the_reset() -> None:
    pcm, truth = recording("5")
    bank = DtmfBank(1)
    bank.feed(np.zeros((1, 4001), dtype=np.int16))
    bank.reset(0)
    ((_, digit),) = bank.feed(pcm[None, :])
    assert digit.start_s == pytest.approx(truth[0].start_s, abs=0.0015)
    assert digit.end_s == pytest.approx(truth[0].end_s, abs=0.0015)


def test_tone_before_the_reset_is_no_part_of_the_next_call() -> None:
    tone = through_line(
        np.concatenate([silence(100), key_signal(Key("8", on_ms=25), np.random.default_rng(1))])
    )
    bank = DtmfBank(1)
    bank.feed(tone[None, :])
    bank.reset(0)
    rest = through_line(
        np.concatenate([key_signal(Key("8", on_ms=20), np.random.default_rng(1)), silence(200)])
    )
    assert bank.listen(rest[None, :]) == []


def lossy(digits: str, on_ms: float, how: str) -> tuple[Pcm16, npt.NDArray[np.bool_]]:
    signal, truth = dialled([Key(digit, on_ms=on_ms) for digit in digits], np.random.default_rng(3), 80)
    lost = np.array([int(-(-one.start_s // 0.020)) for one in truth])
    flags = np.zeros(-(-signal.size // TICK), dtype=np.bool_)
    flags[lost] = True
    return through_line(frames_lost(signal, lost, "zeroed" if how == "zeroed" else "repeated")), flags


def heard_with_loss(pcm: Pcm16, flags: npt.NDArray[np.bool_]) -> str:
    bank = DtmfBank(1)
    audio = side_by_side([pcm])
    digits = ""
    for tick in range(audio.shape[1] // TICK):
        lost = flags[tick : tick + 1] if tick < flags.size else np.zeros(1, dtype=np.bool_)
        for _, digit in bank.feed(audio[:, tick * TICK : (tick + 1) * TICK], lost):
            digits += digit.digit
    return digits


@pytest.mark.parametrize("how", ["zeroed", "repeated"])
@pytest.mark.parametrize("on_ms", [60.0, 80.0, 200.0])
def test_known_loss_of_a_frame_inside_a_digit_is_bridged(how: str, on_ms: float) -> None:
    pcm, flags = lossy(KEYS, on_ms, how)
    assert heard_with_loss(pcm, flags) == KEYS


def test_loss_hint_of_one_leg_does_not_touch_another() -> None:
    pcm, flags = lossy("123", 60.0, "zeroed")
    whole, _ = recording("987")
    audio = side_by_side([pcm, whole])
    bank = DtmfBank(2)
    digits = ["", ""]
    for tick in range(audio.shape[1] // TICK):
        lost = np.array([tick < flags.size and bool(flags[tick]), False])
        for leg, digit in bank.feed(audio[:, tick * TICK : (tick + 1) * TICK], lost):
            digits[leg] += digit.digit
    assert digits == ["123", "987"]


def test_key_whose_packets_stop_coming_ends_where_it_was_last_heard() -> None:
    tone = through_line(
        np.concatenate([silence(100), key_signal(Key("2", on_ms=100), np.random.default_rng(1))])
    )
    bank = DtmfBank(1)
    bank.feed(tone[None, :])
    ended = []
    for _ in range(20):
        ended += bank.feed(np.zeros((1, TICK), dtype=np.int16), np.array([True]))
    assert [digit.digit for _, digit in ended] == ["2"]
    assert ended[0][1].end_s == pytest.approx(0.200, abs=0.010)


def test_bank_without_legs_is_refused() -> None:
    with pytest.raises(ValueError, match="n_legs"):
        DtmfBank(0)


def test_frames_of_the_wrong_shape_are_refused_by_name() -> None:
    with pytest.raises(MediaFormatError, match=r"\(3, n_samples\)"):
        DtmfBank(3).feed(np.zeros((2, 160), dtype=np.int16))


def test_frames_of_the_wrong_type_are_refused_by_name() -> None:
    with pytest.raises(MediaFormatError, match="float32"):
        DtmfBank(1).feed(np.zeros((1, 160), dtype=np.float32))


def test_loss_hint_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(MediaFormatError, match="lost"):
        DtmfBank(2).feed(np.zeros((2, 160), dtype=np.int16), np.array([True]))
