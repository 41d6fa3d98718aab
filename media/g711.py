"""G.711 A-law and mu-law, both ways, by table.

Both laws are built from the decision values of ITU-T G.711 (tables 1a/1b and 2a/2b), so that the module can
be read against the recommendation line by line; coding is then one look-up a sample. Packet formats, comfort
noise and the all-zero suppression of old mu-law lines are left out.

Scale: A-law is defined on 13-bit numbers (magnitudes to 4096), mu-law on 14-bit numbers (magnitudes to 8159).
An int16 sample is the finer number: the decision values are multiplied by 8 (A-law) or 4 (mu-law) and the
sample is compared with them as it stands, so no rounding happens before coding. A sample that lies exactly on
a decision value belongs to the interval above it, towards +32767, on both sides of zero. The recommendation
leaves this tie open; the reference software of ITU-T G.191 settles it the same way.
"""

import numpy as np
import numpy.typing as npt

from media.errors import MediaFormatError
from media.types import Coded8, Pcm16

_A_SCALE = 8  # 13-bit A-law numbers to int16
_MU_SCALE = 4  # 14-bit mu-law numbers to int16

# G.711 table 1a, columns 1 and 2: number of intervals, their width; from zero to the virtual value 4096.
_A_SEGMENTS = ((32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128))
# G.711 table 2a: the interval at zero is half as wide as the other fifteen of its segment; up to 8159.
_MU_SEGMENTS = ((1, 1), (15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256))

_EVEN_BITS = 0x55  # A-law inverts every second bit on the line (G.711 table 1a, note 2)
_SIGN_BIT = 0x80  # 1 is positive in both laws


def _decision_values(segments: tuple[tuple[int, int], ...]) -> npt.NDArray[np.int32]:
    """The 129 decision values x1 = 0 to x129 (virtual) of one polarity, in the numbers of the tables."""
    widths = np.concatenate([np.full(count, width, dtype=np.int32) for count, width in segments])
    return np.concatenate([np.zeros(1, dtype=np.int32), np.cumsum(widths, dtype=np.int32)])


def _decode_table(magnitudes: npt.NDArray[np.int32], code_of: npt.NDArray[np.int32]) -> Pcm16:
    """int16 by code word; `magnitudes` and the positive code words `code_of` run away from zero."""
    table = np.zeros(256, dtype=np.int16)
    table[code_of] = magnitudes
    table[code_of ^ _SIGN_BIT] = -magnitudes
    return table


def _encode_table(decisions: npt.NDArray[np.int32], code_of: npt.NDArray[np.int32]) -> Coded8:
    """Code word by sample, indexed by the int16 read as uint16 (0 to 32767, then -32768 to -1).

    The outermost, virtual decision value is no boundary: what lies beyond it is coded as the last interval.
    """
    boundaries = np.concatenate([-decisions[127:0:-1], decisions[:128]])
    codes = np.concatenate([code_of[::-1] ^ _SIGN_BIT, code_of])
    samples = np.arange(65536, dtype=np.uint16).view(np.int16)
    table: Coded8 = codes[np.searchsorted(boundaries, samples, side="right")].astype(np.uint8)
    return table


_INTERVALS = np.arange(128, dtype=np.int32)

_A_DECISIONS = _decision_values(_A_SEGMENTS) * _A_SCALE
_A_CODES = (_INTERVALS | _SIGN_BIT) ^ _EVEN_BITS
# Decoded to the middle of the interval: y1 = 1 to y128 = 4032.
_A_VALUES = (_A_DECISIONS[:-1] + _A_DECISIONS[1:]) // 2

_MU_DECISIONS = _decision_values(_MU_SEGMENTS) * _MU_SCALE
_MU_CODES = _INTERVALS ^ 0xFF  # seven inverted bits under a sign bit of 1
# y0 = 0: the two half-wide intervals at zero decode to zero; the others to their middle, to y127 = 8031.
_MU_VALUES = np.where(_INTERVALS == 0, 0, (_MU_DECISIONS[:-1] + _MU_DECISIONS[1:]) // 2)

_ALAW_OF_PCM = _encode_table(_A_DECISIONS, _A_CODES)
_PCM_OF_ALAW = _decode_table(_A_VALUES, _A_CODES)
_ULAW_OF_PCM = _encode_table(_MU_DECISIONS, _MU_CODES)
_PCM_OF_ULAW = _decode_table(_MU_VALUES, _MU_CODES)


def alaw_encode(pcm: Pcm16) -> Coded8:
    """A-law code words of linear PCM, even bits inverted as on the line.

    Args:
        pcm: mono samples, int16, shape (n_samples,), n_samples may be 0; not modified.

    Returns:
        Code words, uint8, same shape. Silence (0) is 0xD5, the extremes are 0xAA and 0x2A.

    Raises:
        MediaFormatError: wrong dtype or wrong shape.

    Source: ITU-T G.711 tables 1a and 1b.
    """
    return _ALAW_OF_PCM[_checked_pcm(pcm).view(np.uint16)]


def alaw_decode(codes: Coded8) -> Pcm16:
    """Linear PCM of A-law code words.

    Args:
        codes: code words as on the line, uint8, shape (n_samples,), n_samples may be 0; not modified.

    Returns:
        Samples, int16, same shape, from -32256 to 32256; A-law has no zero, the smallest values are -8 and 8.

    Raises:
        MediaFormatError: wrong dtype or wrong shape.

    Source: ITU-T G.711 tables 1a and 1b.
    """
    return _PCM_OF_ALAW[_checked_codes(codes)]


def ulaw_encode(pcm: Pcm16) -> Coded8:
    """Mu-law code words of linear PCM.

    Args:
        pcm: mono samples, int16, shape (n_samples,), n_samples may be 0; not modified.

    Returns:
        Code words, uint8, same shape. Silence (0) is 0xFF, the extremes are 0x80 and 0x00; the
        coder is overloaded from 32636 (8159 x 4) on.

    Raises:
        MediaFormatError: wrong dtype or wrong shape.

    Source: ITU-T G.711 tables 2a and 2b.
    """
    return _ULAW_OF_PCM[_checked_pcm(pcm).view(np.uint16)]


def ulaw_decode(codes: Coded8) -> Pcm16:
    """Linear PCM of mu-law code words.

    Args:
        codes: code words, uint8, shape (n_samples,), n_samples may be 0; not modified.

    Returns:
        Samples, int16, same shape, from -32124 to 32124. Both zeros (0xFF and 0x7F) give 0, so that encoding
        turns 0x7F into 0xFF; every other code word survives decoding and encoding.

    Raises:
        MediaFormatError: wrong dtype or wrong shape.

    Source: ITU-T G.711 tables 2a and 2b.
    """
    return _PCM_OF_ULAW[_checked_codes(codes)]


def _checked_pcm(pcm: Pcm16) -> Pcm16:
    if pcm.dtype != np.int16:
        raise MediaFormatError(f"sample type is {pcm.dtype}, must be int16")
    if pcm.ndim != 1:
        raise MediaFormatError(f"array of samples has {pcm.ndim} dimensions, must have 1")
    return pcm


def _checked_codes(codes: Coded8) -> Coded8:
    if codes.dtype != np.uint8:
        raise MediaFormatError(f"code word type is {codes.dtype}, must be uint8")
    if codes.ndim != 1:
        raise MediaFormatError(f"array of code words has {codes.ndim} dimensions, must have 1")
    return codes
