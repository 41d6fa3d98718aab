"""Every sample and every code word of both laws, against tables written down here from ITU-T G.711.

The expected intervals are typed from the recommendation as segment end points (not widths, as the module has
them) and searched in integer arithmetic, one sample at a time, so that both would have to be wrong alike.
"""

from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from media.errors import MediaFormatError
from media.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from media.types import Coded8, Pcm16

# G.711 table 1a, column 2, segment end points; segment 1 has 32 equal intervals, the others 16.
A_SEGMENT_ENDS = (0, 64, 128, 256, 512, 1024, 2048, 4096)
# G.711 table 2a, column 2. The first segment starts at -1 so that its 16 intervals are of equal width 2.
MU_SEGMENT_ENDS = (-1, 31, 95, 223, 479, 991, 2015, 4063, 8159)

EVERY_SAMPLE: Pcm16 = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE: Coded8 = np.arange(256).astype(np.uint8)


def a_decisions() -> list[int]:
    ends = A_SEGMENT_ENDS
    values = [64 * i // 32 for i in range(32)]
    for low, high in pairwise(ends[1:]):
        values += [low + (high - low) * i // 16 for i in range(16)]
    return values


def mu_decisions() -> list[int]:
    values = []
    for low, high in pairwise(MU_SEGMENT_ENDS):
        values += [low + (high - low) * i // 16 for i in range(16)]
    values[0] = 0
    return values


def interval_of(sample: int, decisions: list[int], scale: int) -> int:
    """Interval number 0 to 127 from zero outwards; a tie goes to the interval above it on the number line."""
    if sample >= 0:
        return bisect_right(decisions, sample // scale) - 1
    # Up is towards zero here: a negative sample on a decision value stays in the inner interval.
    return bisect_right(decisions, (-sample - 1) // scale) - 1


def test_decision_values_are_the_ones_printed_in_the_recommendation() -> None:
    a, mu = a_decisions(), mu_decisions()
    assert len(a) == len(mu) == 128
    assert a[:4] == [0, 2, 4, 6]
    assert (a[32], a[48], a[64], a[80], a[96], a[112], a[127]) == (64, 128, 256, 512, 1024, 2048, 3968)
    assert mu[:4] == [0, 1, 3, 5]
    assert (mu[16], mu[32], mu[48], mu[64], mu[80], mu[96], mu[112]) == (31, 95, 223, 479, 991, 2015, 4063)
    assert mu[127] == 7903


def test_alaw_encodes_every_sample_into_the_interval_of_table_1() -> None:
    decisions = a_decisions()
    expected = []
    for sample in EVERY_SAMPLE.tolist():
        sign = 0x80 if sample >= 0 else 0x00
        expected.append((sign | interval_of(sample, decisions, scale=8)) ^ 0x55)
    np.testing.assert_array_equal(alaw_encode(EVERY_SAMPLE), np.array(expected, dtype=np.uint8))


def test_ulaw_encodes_every_sample_into_the_interval_of_table_2() -> None:
    decisions = mu_decisions()
    expected = []
    for sample in EVERY_SAMPLE.tolist():
        sign = 0x80 if sample >= 0 else 0x00
        expected.append(sign | (127 - interval_of(sample, decisions, scale=4)))
    np.testing.assert_array_equal(ulaw_encode(EVERY_SAMPLE), np.array(expected, dtype=np.uint8))


def test_alaw_decodes_every_code_to_the_middle_of_its_interval() -> None:
    ends = [*a_decisions(), 4096]
    for code in range(256):
        interval = (code ^ 0x55) & 0x7F
        magnitude = 8 * (ends[interval] + ends[interval + 1]) // 2
        expected = magnitude if code & 0x80 else -magnitude
        assert int(alaw_decode(EVERY_CODE)[code]) == expected, f"code word {code:#04x}"


def test_ulaw_decodes_every_code_to_the_middle_of_its_interval() -> None:
    ends = [*mu_decisions(), 8159]
    for code in range(256):
        interval = 127 - (code & 0x7F)
        magnitude = 4 * (ends[interval] + ends[interval + 1]) // 2 if interval else 0
        expected = magnitude if code & 0x80 else -magnitude
        assert int(ulaw_decode(EVERY_CODE)[code]) == expected, f"code word {code:#04x}"


# Rows printed in G.711 tables 1a/1b: output value number, quantized value, character signal before inversion.
@pytest.mark.parametrize(
    ("code_before_inversion", "value"),
    [
        (0b11111111, 4032),
        (0b11110000, 2112),
        (0b11100000, 1056),
        (0b11010000, 528),
        (0b11000000, 264),
        (0b10110000, 132),
        (0b10100000, 66),
        (0b10000000, 1),
        (0b00000000, -1),
        (0b00100000, -66),
        (0b01111111, -4032),
    ],
)
def test_alaw_rows_printed_in_tables_1a_and_1b(code_before_inversion: int, value: int) -> None:
    code = np.array([code_before_inversion ^ 0b01010101], dtype=np.uint8)
    assert alaw_decode(code).tolist() == [value * 8]
    assert alaw_encode(np.array([value * 8], dtype=np.int16)).tolist() == code.tolist()


# Rows printed in G.711 tables 2a/2b: character signal and quantized value.
@pytest.mark.parametrize(
    ("code", "value"),
    [
        (0b10000000, 8031),
        (0b10001111, 4191),
        (0b10011111, 2079),
        (0b10101111, 1023),
        (0b10111111, 495),
        (0b11001111, 231),
        (0b11011111, 99),
        (0b11101111, 33),
        (0b11111110, 2),
        (0b11111111, 0),
        (0b01111110, -2),
        (0b00000000, -8031),
    ],
)
def test_ulaw_rows_printed_in_tables_2a_and_2b(code: int, value: int) -> None:
    codes = np.array([code], dtype=np.uint8)
    assert ulaw_decode(codes).tolist() == [value * 4]
    assert ulaw_encode(np.array([value * 4], dtype=np.int16)).tolist() == [code]


def test_1_khz_sequence_of_alaw_is_a_sine_at_0_dbm0() -> None:
    # G.711 table 5: these eight words, repeated, are 1 kHz at 0 dBm0. 0 dBm0 is 3.14 dB under a sine of
    # amplitude 4096 x 8 = 32768, so its rms is 32768 / sqrt(2) * 10 ** (-3.14 / 20) = 16141.
    words = np.array([0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4], dtype=np.uint8)
    rms = float(np.sqrt(np.mean(alaw_decode(words).astype(np.float64) ** 2)))
    assert 20 * np.log10(rms / 16141) == pytest.approx(0.0, abs=0.02)


def test_1_khz_sequence_of_ulaw_is_a_sine_at_0_dbm0() -> None:
    # G.711 table 6; for mu-law 0 dBm0 is 3.17 dB under the overload point 8159 x 4 = 32636: rms 16021.
    words = np.array([0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E], dtype=np.uint8)
    rms = float(np.sqrt(np.mean(ulaw_decode(words).astype(np.float64) ** 2)))
    assert 20 * np.log10(rms / 16021) == pytest.approx(0.0, abs=0.02)


def test_alaw_code_words_survive_decoding_and_encoding() -> None:
    np.testing.assert_array_equal(alaw_encode(alaw_decode(EVERY_CODE)), EVERY_CODE)


def test_ulaw_code_words_survive_except_negative_zero() -> None:
    expected = EVERY_CODE.copy()
    expected[0x7F] = 0xFF  # both are zero; int16 has one zero only
    np.testing.assert_array_equal(ulaw_encode(ulaw_decode(EVERY_CODE)), expected)


@pytest.mark.parametrize(
    ("encode", "decode"), [(alaw_encode, alaw_decode), (ulaw_encode, ulaw_decode)], ids=["alaw", "ulaw"]
)
def test_decoding_is_monotonic_in_the_sample(
    encode: Callable[[Pcm16], Coded8], decode: Callable[[Coded8], Pcm16]
) -> None:
    assert bool(np.all(np.diff(decode(encode(EVERY_SAMPLE)).astype(np.int32)) >= 0))


@pytest.mark.parametrize(
    ("encode", "decode", "largest_error"),
    # Largest at the overload, beyond the last output value: 32768 - 32256 and 32768 - 32124.
    [(alaw_encode, alaw_decode, 512), (ulaw_encode, ulaw_decode, 644)],
    ids=["alaw", "ulaw"],
)
def test_largest_quantizing_error_is_that_of_the_overload(
    encode: Callable[[Pcm16], Coded8], decode: Callable[[Coded8], Pcm16], largest_error: int
) -> None:
    error = np.abs(decode(encode(EVERY_SAMPLE)).astype(np.int32) - EVERY_SAMPLE)
    assert int(error.max()) == largest_error


def test_ties_go_to_the_interval_above_on_both_sides_of_zero() -> None:
    # A-law decision value 2 is 16 in int16; mu-law decision value 1 is 4.
    assert alaw_decode(alaw_encode(np.array([-17, -16, 15, 16], dtype=np.int16))).tolist() == [-24, -8, 8, 24]
    assert ulaw_decode(ulaw_encode(np.array([-5, -4, 3, 4], dtype=np.int16))).tolist() == [-8, 0, 0, 8]


def test_silence_and_the_extremes_have_their_known_code_words() -> None:
    samples = np.array([0, 32767, -32768], dtype=np.int16)
    assert alaw_encode(samples).tolist() == [0xD5, 0xAA, 0x2A]
    assert ulaw_encode(samples).tolist() == [0xFF, 0x80, 0x00]


@pytest.mark.parametrize("encode", [alaw_encode, ulaw_encode])
def test_encoding_leaves_its_input_alone_and_returns_a_new_array(encode: Callable[[Pcm16], Coded8]) -> None:
    pcm = EVERY_SAMPLE.copy()
    codes = encode(pcm)
    codes[:] = 0
    np.testing.assert_array_equal(pcm, EVERY_SAMPLE)
    assert int(encode(pcm).max()) == 0xFF  # the table itself was not written to


@pytest.mark.parametrize("encode", [alaw_encode, ulaw_encode])
def test_encoding_accepts_every_second_sample_of_an_array(encode: Callable[[Pcm16], Coded8]) -> None:
    np.testing.assert_array_equal(encode(EVERY_SAMPLE[::2]), encode(EVERY_SAMPLE)[::2])


@pytest.mark.parametrize("encode", [alaw_encode, ulaw_encode])
def test_encoding_nothing_gives_nothing(encode: Callable[[Pcm16], Coded8]) -> None:
    codes = encode(np.zeros(0, dtype=np.int16))
    assert codes.shape == (0,)
    assert codes.dtype == np.uint8


@pytest.mark.parametrize("encode", [alaw_encode, ulaw_encode])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64", "uint16", ">i2"])
def test_encoding_refuses_samples_that_are_not_native_int16(
    encode: Callable[[Pcm16], Coded8], dtype: str
) -> None:
    with pytest.raises(MediaFormatError, match="must be int16"):
        encode(np.zeros(160, dtype=dtype))


@pytest.mark.parametrize("decode", [alaw_decode, ulaw_decode])
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_decoding_refuses_code_words_that_are_not_bytes(
    decode: Callable[[Coded8], Pcm16], dtype: str
) -> None:
    with pytest.raises(MediaFormatError, match="must be uint8"):
        decode(np.zeros(160, dtype=dtype))


def test_arrays_of_two_dimensions_are_refused() -> None:
    with pytest.raises(MediaFormatError, match="2 dimensions"):
        alaw_encode(np.zeros((80, 2), dtype=np.int16))
    with pytest.raises(MediaFormatError, match="2 dimensions"):
        ulaw_decode(np.zeros((80, 2), dtype=np.uint8))
