"""media.convert: what of a foreign file survives on the telephone, and what must not."""

import math
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from media import convert, level, wav
from media.errors import MediaFileError, MediaFormatError
from media.g711 import alaw_encode

Float = npt.NDArray[np.float64]


def _sine(frequency_hz: float, rate_hz: int, duration_s: float = 1.0, amplitude: float = 0.5) -> Float:
    t_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return amplitude * np.sin(2 * np.pi * frequency_hz * t_s)


def _amplitude(pcm: npt.NDArray[np.int16], frequency_hz: float) -> float:
    """Amplitude of one frequency in the middle of a signal, full scale 1.0, over whole periods."""
    middle = pcm[800:-800] / 32768
    phase = np.exp(-2j * np.pi * frequency_hz * np.arange(middle.size) / 8000)
    return float(2 * abs((middle * phase).mean()))


def _db(ratio: float) -> float:
    return 20 * math.log10(max(ratio, 1e-9))


def _talk(rate_hz: int, duration_s: float = 2.0, seed: int = 1) -> Float:
    """Syllables of noise with pauses between, which have an active level well above their mean."""
    n_samples = round(duration_s * rate_hz)
    noise = np.random.default_rng(seed).normal(0, 0.1, n_samples)
    t_s = np.arange(n_samples) / rate_hz
    return np.asarray(noise * (np.sin(2 * np.pi * 0.8 * t_s) > 0), dtype=np.float64)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_U8", 1 / 128),
        ("wav", "PCM_16", 1e-4),
        ("wav", "PCM_24", 1e-4),
        ("wav", "PCM_32", 1e-4),
        ("wav", "FLOAT", 1e-4),
        ("wav", "DOUBLE", 1e-4),
        ("wav", "ALAW", 0.02),
        ("wav", "ULAW", 0.02),
        ("flac", "PCM_16", 1e-4),
        ("aiff", "PCM_16", 1e-4),
        ("au", "PCM_16", 1e-4),
        ("au", "ALAW", 0.02),
        ("ogg", "VORBIS", 0.02),
        ("mp3", "MPEG_LAYER_III", 0.02),
    ],
)
def test_every_common_format_keeps_its_tone_at_its_level(
    tmp_path: Path, suffix: str, subtype: str, tolerance: float
) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, _sine(1000, 16000), 16000, subtype=subtype)
    pcm = convert.load_audio(path)
    assert pcm.dtype == np.int16
    assert _amplitude(pcm, 1000) == pytest.approx(0.5, abs=tolerance)


@pytest.mark.parametrize(
    "rate_hz", [4000, 8000, 11025, 12000, 16000, 22050, 32000, 44100, 48000, 96000, 192000]
)
def test_every_rate_keeps_pitch_level_and_length(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, _sine(1000, rate_hz), rate_hz, subtype="PCM_16")
    pcm = convert.load_audio(path)
    assert pcm.size == 8000
    assert _db(_amplitude(pcm, 1000) / 0.5) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_telephone_band_is_flat_up_to_3400_hz(tmp_path: Path, rate_hz: int) -> None:
    for frequency_hz in (300, 1000, 2000, 3000, 3400):
        path = tmp_path / f"{frequency_hz}.wav"
        soundfile.write(path, _sine(frequency_hz, rate_hz), rate_hz, subtype="FLOAT")
        assert _db(_amplitude(convert.load_audio(path), frequency_hz) / 0.5) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
@pytest.mark.parametrize("frequency_hz", [4100, 4600, 5000, 7000])
def test_what_the_telephone_cannot_carry_does_not_come_back_as_an_alias(
    tmp_path: Path, rate_hz: int, frequency_hz: int
) -> None:
    path = tmp_path / "high.wav"
    soundfile.write(path, _sine(frequency_hz, rate_hz), rate_hz, subtype="FLOAT")
    pcm = convert.load_audio(path)
    assert _db(float(np.abs(pcm[800:-800]).max()) / 32768 / 0.5) < -70


@pytest.mark.parametrize("rate_hz", [11025, 16000, 44100, 48000])
def test_resampling_leaves_edges_in_place(tmp_path: Path, rate_hz: int) -> None:
    audio = np.zeros(rate_hz)
    edge = -(-rate_hz // 2)  # at 0.5 s, or half a sample after it
    audio[edge:] = _sine(1000, rate_hz)[: rate_hz - edge]
    path = tmp_path / "edge.wav"
    soundfile.write(path, audio, rate_hz, subtype="FLOAT")
    pcm = convert.load_audio(path)
    expected = np.zeros(8000)
    expected[4000:] = _sine(1000, 8000, 0.5)
    lags = range(-8, 9)
    match = [float(np.dot(np.roll(expected, lag), pcm)) for lag in lags]
    assert lags[int(np.argmax(match))] == 0
    assert np.abs(pcm[:3900]).max() < 100, "nothing rings 12 ms ahead of the edge"


def test_impulse_stays_at_its_moment(tmp_path: Path) -> None:
    audio = np.zeros(48000)
    audio[6 * 4321] = 0.9
    soundfile.write(tmp_path / "click.wav", audio, 48000, subtype="FLOAT")
    assert int(np.abs(convert.load_audio(tmp_path / "click.wav")).argmax()) == 4321


def test_odd_rate_is_taken_without_drift(tmp_path: Path) -> None:
    audio = np.zeros(44101 * 10)
    audio[44101 * 9] = 0.9  # at 9.000 s
    soundfile.write(tmp_path / "odd.wav", audio, 44101, subtype="FLOAT")
    pcm = convert.load_audio(tmp_path / "odd.wav")
    assert abs(pcm.size - 80000) <= 1
    assert abs(int(np.abs(pcm).argmax()) - 72000) <= 1


def test_channels_are_averaged(tmp_path: Path) -> None:
    tone = _sine(1000, 8000)
    soundfile.write(tmp_path / "left.wav", np.column_stack([tone, 0 * tone]), 8000, subtype="PCM_16")
    assert _amplitude(convert.load_audio(tmp_path / "left.wav"), 1000) == pytest.approx(0.25, abs=1e-3)
    soundfile.write(tmp_path / "opposed.wav", np.column_stack([tone, -tone]), 8000, subtype="PCM_16")
    assert not convert.load_audio(tmp_path / "opposed.wav").any()
    soundfile.write(tmp_path / "six.wav", np.column_stack([tone] * 6), 8000, subtype="PCM_16")
    assert _amplitude(convert.load_audio(tmp_path / "six.wav"), 1000) == pytest.approx(0.5, abs=1e-3)


def test_telephone_files_come_back_sample_for_sample(tmp_path: Path) -> None:
    pcm = (_talk(8000) * 20000).astype(np.int16)
    wav.write_alaw(tmp_path / "a.wav", pcm)
    assert np.array_equal(convert.load_audio(tmp_path / "a.wav"), wav.read_pcm(tmp_path / "a.wav"))
    soundfile.write(tmp_path / "p.wav", pcm, 8000, subtype="PCM_16")
    assert np.array_equal(convert.load_audio(tmp_path / "p.wav"), pcm)
    soundfile.write(tmp_path / "u.wav", pcm, 8000, subtype="ULAW")
    assert np.array_equal(convert.load_audio(tmp_path / "u.wav"), wav.read_pcm(tmp_path / "u.wav"))


def test_capture_of_a_killed_recorder_can_be_loaded(tmp_path: Path) -> None:
    codes = alaw_encode((_talk(8000) * 20000).astype(np.int16))
    header = b"RIFF" + bytes(4) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 6, 1, 8000, 8000, 1, 8)
    (tmp_path / "k.wav").write_bytes(header + b"data" + bytes(4) + codes.tobytes())
    assert convert.load_audio(tmp_path / "k.wav").size == codes.size


def test_loading_clips_instead_of_wrapping(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hot.wav", _sine(1000, 8000, amplitude=2.0), 8000, subtype="FLOAT")
    pcm = convert.load_audio(tmp_path / "hot.wav")
    assert (pcm.max(), pcm.min()) == (32767, -32768)
    assert _amplitude(pcm, 1000) > 1.0, "a wrapped sine would lose its fundamental"


@pytest.mark.parametrize("amplitude", [0.001, 0.02, 0.3, 3.0])
def test_speech_is_brought_to_the_wanted_active_level(tmp_path: Path, amplitude: float) -> None:
    talk = _talk(16000)
    source, target = tmp_path / "talk.wav", tmp_path / "prompt.wav"
    soundfile.write(source, talk * (amplitude / np.abs(talk).max()), 16000, subtype="FLOAT")
    result = convert.to_alaw_wav(source, target)
    assert not result.peak_limited
    assert level.active_level_dbm0(wav.read_pcm(target)) == pytest.approx(-16.0, abs=0.3)
    assert result.level_dbm0 == pytest.approx(-16.0, abs=0.3)


def test_gain_is_reported(tmp_path: Path) -> None:
    talk = _talk(8000)
    gains = []
    for name, factor in (("loud", 1.0), ("quiet", 0.1)):
        soundfile.write(tmp_path / f"{name}.wav", talk * factor, 8000, subtype="FLOAT")
        gains.append(convert.to_alaw_wav(tmp_path / f"{name}.wav", tmp_path / "prompt.wav").gain_db)
    assert gains[1] - gains[0] == pytest.approx(20.0, abs=0.1)


def test_peaks_hold_the_gain_back_and_the_result_says_so(tmp_path: Path) -> None:
    audio = _talk(8000) * 0.05
    audio[::2000] = 0.9  # clicks 40 dB above the talk
    soundfile.write(tmp_path / "clicks.wav", audio, 8000, subtype="FLOAT")
    result = convert.to_alaw_wav(tmp_path / "clicks.wav", tmp_path / "prompt.wav", level_dbm0=-6.0)
    assert result.peak_limited
    assert result.level_dbm0 < -10
    pcm = wav.read_pcm(tmp_path / "prompt.wav")
    limit = 32768 * 10 ** ((3.0 - 3.14) / 20)  # a +3 dBm0 sine's peak, full scale being +3.14 dBm0
    assert np.abs(pcm.astype(int)).max() <= limit


def test_dc_is_removed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "dc.wav", _talk(16000) + 0.2, 16000, subtype="FLOAT")
    convert.to_alaw_wav(tmp_path / "dc.wav", tmp_path / "prompt.wav")
    pcm = wav.read_pcm(tmp_path / "prompt.wav")
    assert abs(pcm.mean()) < 0.01 * pcm.std()


def test_silence_stays_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(16000), 16000, subtype="PCM_16")
    result = convert.to_alaw_wav(tmp_path / "quiet.wav", tmp_path / "prompt.wav")
    assert result.gain_db == 0.0
    assert not result.peak_limited
    assert np.abs(wav.read_pcm(tmp_path / "prompt.wav")).max() == 8  # the smallest A-law value


@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_dither_is_not_raised_to_a_prompt_of_noise(tmp_path: Path, offset: float) -> None:
    dither = np.random.default_rng(1).integers(-1, 2, 16000) / 32768
    soundfile.write(tmp_path / "quiet.wav", dither + offset, 16000, subtype="FLOAT")
    result = convert.to_alaw_wav(tmp_path / "quiet.wav", tmp_path / "prompt.wav")
    assert result.gain_db == 0.0
    assert np.abs(wav.read_pcm(tmp_path / "prompt.wav")).max() == 8


def test_converted_file_is_a_prompt_of_the_service(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.flac", np.column_stack([_talk(44100)] * 2), 44100)
    result = convert.to_alaw_wav(tmp_path / "talk.flac", tmp_path / "prompt.wav")
    wav.validate(tmp_path / "prompt.wav")
    assert result.encoding is wav.Encoding.ALAW
    assert result.n_samples == 16000
    assert result.duration_s == 2.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prompt.wav", "talk.flac"]


def test_failed_conversion_leaves_an_older_target_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "noise.bin").write_bytes(b"no audio at all" * 100)
    (tmp_path / "prompt.wav").write_bytes(b"older")
    with pytest.raises(MediaFileError, match=r"noise\.bin"):
        convert.to_alaw_wav(tmp_path / "noise.bin", tmp_path / "prompt.wav")
    assert (tmp_path / "prompt.wav").read_bytes() == b"older"


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"text\n" * 50, b"RIFF\x04\0\0\0WAVE", b"fLaC" + bytes(100)]
)
def test_what_is_no_audio_is_refused_in_one_line_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "upload.wav"
    path.write_bytes(content)
    with pytest.raises(MediaFileError, match=r"upload\.wav") as caught:
        convert.load_audio(path)
    assert "\n" not in str(caught.value)


def test_samples_without_any_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "upload.raw").write_bytes(bytes(1000))
    with pytest.raises(MediaFileError, match=r"upload\.raw"):
        convert.load_audio(tmp_path / "upload.raw")


def test_missing_file_and_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match=r"gone\.mp3"):
        convert.load_audio(tmp_path / "gone.mp3")
    with pytest.raises(MediaFileError, match="not a file"):
        convert.load_audio(tmp_path)


def test_file_without_samples_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000, subtype="PCM_16")
    with pytest.raises(MediaFormatError, match=r"empty\.wav: audio is 0 samples"):
        convert.load_audio(tmp_path / "empty.wav")


@pytest.mark.parametrize("rate_hz", [2000, 3999, 192001, 384000])
def test_rate_out_of_range_is_refused_with_its_value(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "odd.wav", np.zeros(100), rate_hz, subtype="PCM_16")
    with pytest.raises(MediaFormatError, match=f"sample rate is {rate_hz} Hz"):
        convert.load_audio(tmp_path / "odd.wav")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    audio = np.zeros(1000)
    audio[500] = value
    soundfile.write(tmp_path / "nan.wav", audio, 16000, subtype="FLOAT")
    with pytest.raises(MediaFormatError, match="finite"):
        convert.load_audio(tmp_path / "nan.wav")


def test_endless_audio_in_a_small_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "MAX_DURATION_S", 20)
    path = tmp_path / "silence.flac"
    soundfile.write(path, np.zeros(21 * 16000), 16000)
    assert path.stat().st_size < 10_000, "21 s of silence are next to nothing in FLAC"
    with pytest.raises(MediaFormatError, match="longer than 20 s"):
        convert.load_audio(path)


def test_source_is_not_changed(tmp_path: Path) -> None:
    pcm = (_talk(8000) * 20000).astype(np.int16)
    before = pcm.copy()
    levelled = convert.to_active_level(pcm, -20.0)
    assert np.array_equal(pcm, before)
    assert level.active_level_dbm0(levelled) == pytest.approx(-20.0, abs=0.2)
