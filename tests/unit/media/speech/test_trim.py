"""media.speech.trim: silence goes, speech stays."""

import numpy as np
import pytest

from media.errors import MediaFormatError
from media.speech.trim import KEEP_MS, LEAD_MS, trim_silence, with_lead
from media.types import Pcm16


def _speech(n_ms: int, amplitude: int = 8000) -> Pcm16:
    noise = np.random.default_rng(1).normal(0, amplitude / 3, n_ms * 8)
    return np.clip(noise, -32768, 32767).astype(np.int16)


def _silence(n_ms: int, amplitude: int = 0) -> Pcm16:
    return np.random.default_rng(2).integers(-amplitude, amplitude + 1, n_ms * 8).astype(np.int16)


def test_at_most_100_ms_of_silence_are_left() -> None:
    pcm = trim_silence(np.concatenate([_silence(700), _speech(500), _silence(900)]))
    loud = np.flatnonzero(np.abs(pcm.astype(int)) > 500)
    assert loud[0] / 8 <= 100
    assert (pcm.size - 1 - loud[-1]) / 8 <= 100


def test_every_sample_of_the_speech_is_left() -> None:
    speech = _speech(503)
    pcm = trim_silence(np.concatenate([_silence(701), speech, _silence(333)]))
    start = pcm.tobytes().find(speech.tobytes())
    assert start >= 0
    assert start % 2 == 0


def test_pauses_inside_stay() -> None:
    inside = np.concatenate([_speech(300), _silence(2000), _speech(300)])
    pcm = trim_silence(np.concatenate([_silence(500), inside, _silence(500)]))
    assert pcm.size >= inside.size


def test_noise_of_the_room_counts_as_silence() -> None:
    pcm = trim_silence(np.concatenate([_silence(700, 20), _speech(500), _silence(900, 20)]))
    assert pcm.size <= (500 + 2 * (KEEP_MS + 10)) * 8


def test_soft_syllable_30_db_down_is_speech() -> None:
    soft = _speech(200, 8000 // 32)
    pcm = trim_silence(np.concatenate([_silence(500), soft, _silence(100), _speech(500), _silence(500)]))
    assert pcm.size >= (200 + 100 + 500) * 8


def test_speech_without_silence_is_left_whole() -> None:
    speech = _speech(500)
    assert np.array_equal(trim_silence(speech), speech)


def test_less_silence_than_may_stay_stays() -> None:
    pcm = np.concatenate([_silence(40), _speech(400), _silence(40)])
    assert np.array_equal(trim_silence(pcm), pcm)


@pytest.mark.parametrize("n_samples", [0, 1, 79, 80, 8000])
def test_silence_alone_becomes_nothing(n_samples: int) -> None:
    assert trim_silence(np.zeros(n_samples, dtype=np.int16)).size == 0


def test_last_incomplete_frame_is_not_lost() -> None:
    pcm = _speech(500)[:-37]
    assert trim_silence(pcm).size == pcm.size


def test_loudest_negative_sample_counts_as_loud() -> None:
    pcm = np.full(800, -32768, dtype=np.int16)
    assert trim_silence(pcm).size == 800


def test_other_arrays_are_refused() -> None:
    with pytest.raises(MediaFormatError, match="float64"):
        trim_silence(np.zeros(100))  # type: ignore[arg-type]
    with pytest.raises(MediaFormatError, match="2 dimensions"):
        trim_silence(np.zeros((2, 100), dtype=np.int16))


def test_speech_that_begins_at_once_gets_two_packets_of_silence() -> None:
    speech = _speech(500)
    first = int(np.flatnonzero(np.abs(speech.astype(np.int32)) > 64)[0])
    led = with_lead(speech)
    assert led.size == speech.size + LEAD_MS * 8 - first
    assert np.array_equal(led[-speech.size :], speech)
    assert not led[: LEAD_MS * 8 - first].any()


def test_silence_that_is_there_counts_for_the_lead() -> None:
    speech = np.concatenate([_silence(LEAD_MS + 10), _speech(500)])
    assert np.array_equal(with_lead(speech), speech)
