"""Where in a long recording a known signal may be: coarse search by whitened cross-correlation.

Both sides are flattened in short-time frequency (loud bins are pressed down), so that neither the low
frequencies of speech nor a louder signal on top decide alone. The signal is cut into pieces of about a
second, and each piece is correlated with the whole recording by FFT: an offset is proposed where a
correlation stands out of its own noise.

A proposal is no verdict: media.fingerprint_track weighs the evidence frame by frame.
"""

import itertools

import numpy as np
import numpy.typing as npt

from media.types import SAMPLE_RATE_HZ, Pcm16

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Complex64 = npt.NDArray[np.complex64]

PIECE_SAMPLES = SAMPLE_RATE_HZ
"""A piece is at most one second: 8000 samples give 30 dB of gain against noise, slips seldom fall into it."""

PROPOSAL_SIGMAS = 6.5
"""Noise of 480 000 lags (a minute) and 80 pieces stays under 6.4 sigma nine times out of ten."""

MOST_PROPOSALS = 40
"""Offsets proposed for one piece: the most repetitions of one prompt in a recording that are foreseen."""

_FFT_SAMPLES = 32768
_STEP_SAMPLES = _FFT_SAMPLES - PIECE_SAMPLES
_FRAME_SAMPLES = 256
_FLATTENING = 0.7
# The idle noise of A-law (±8) keeps a silent bin from being blown up to the level of a sounding one.
_FLOOR_POWER = 64.0 * _FRAME_SAMPLES / 2.0
# A quiet hit must have this share of the recording's mean energy under it, else one click would be a match.
_QUIET_SHARE = 0.05


def flatten(pcm: Pcm16 | Float32 | Float64) -> Float32:
    """The same signal with its short-time spectrum pressed towards flat, phases kept.

    Args:
        pcm: mono samples, shape (n_samples,); not modified.

    Returns:
        Shape (n_samples,), float32, arbitrary scale.
    """
    hop = _FRAME_SAMPLES // 2
    n_frames = pcm.size // hop + 2
    padded = np.zeros((n_frames + 1) * hop, dtype=np.float32)
    padded[hop : hop + pcm.size] = pcm
    window = np.sin(np.pi * (np.arange(_FRAME_SAMPLES) + 0.5) / _FRAME_SAMPLES).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME_SAMPLES)[::hop] * window
    spectrum = np.fft.rfft(frames, axis=1)
    power = np.abs(spectrum) ** 2
    power[:, 1:-1] = (power[:, :-2] + power[:, 1:-1] + power[:, 2:]) / 3.0
    spectrum *= (power + _FLOOR_POWER) ** (-0.5 * _FLATTENING)
    flat = np.fft.irfft(spectrum, _FRAME_SAMPLES, axis=1) * window
    out = np.zeros((n_frames + 1) * hop, dtype=np.float32)
    out[: n_frames * hop] += flat[:, :hop].ravel()
    out[hop:] += flat[:, hop:].ravel()
    return out[hop : hop + pcm.size]


class Searcher:
    """One recording, flattened and transformed once, searched for any number of signals."""

    def __init__(self, heard: Float32 | Float64 | Pcm16) -> None:
        flat = flatten(heard)
        n_blocks = max(1, -(-(flat.size + PIECE_SAMPLES) // _STEP_SAMPLES))
        # A piece of silence in front, so that a signal cut at its beginning can be found at a negative
        # offset.
        padded = np.zeros(n_blocks * _STEP_SAMPLES + PIECE_SAMPLES, dtype=np.float32)
        padded[PIECE_SAMPLES : PIECE_SAMPLES + flat.size] = flat
        blocks = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SAMPLES)[::_STEP_SAMPLES]
        energy = (blocks**2).sum(axis=1)
        # Blocks of silence (where a found signal was taken out without remainder) cost nothing.
        self._kept = np.flatnonzero(energy > 1e-6 * max(float(energy.max()), 1e-12))
        self._spectra = np.fft.rfft(blocks[self._kept], axis=1)
        self._running = np.concatenate(([0.0], np.cumsum(padded.astype(np.float64) ** 2)))
        self._scales: dict[int, Float32] = {}
        self._floor = _QUIET_SHARE * self._running[-1] / max(flat.size, 1)

    def correlation(self, piece: Float32) -> Float32:
        """Normalised correlation of a flattened piece with every place of the recording.

        Returns:
            Shape (n_kept_blocks, step): entry (i, j) is the place kept[i] * step + j - PIECE_SAMPLES.
        """
        product = self._spectra * np.conj(np.fft.rfft(piece, _FFT_SAMPLES))
        raw = np.fft.irfft(product, _FFT_SAMPLES, axis=1)[:, :_STEP_SAMPLES]
        raw *= self._scale(piece.size) / np.float32(max(float(np.linalg.norm(piece)), 1e-9))
        return np.asarray(raw, dtype=np.float32)

    def _scale(self, n_samples: int) -> Float32:
        """One over the norm of the n_samples from each place on; 0 where it is quiet."""
        # Pieces differ in length by a sample or two: one scale serves all of about the same length.
        length = max(800, round(n_samples / 800) * 800)
        if length not in self._scales:
            places = self._kept[:, None] * _STEP_SAMPLES + np.arange(_STEP_SAMPLES)
            last = self._running.size - 1
            energy = self._running[np.minimum(places + length, last)] - self._running[places]
            quiet = energy < self._floor * length
            scale = 1.0 / np.sqrt(np.maximum(energy + self._floor * length, 1e-9))
            self._scales[length] = np.where(quiet, 0.0, scale).astype(np.float32)
        return self._scales[length]

    def proposals(self, flat_signal: Float32) -> list[tuple[int, float, int]]:
        """Where a flattened signal may lie.

        Args:
            flat_signal: the audible part of a known signal, flattened, shape (n_samples,).

        Returns:
            (offset, sigmas, piece_start) each: sample piece_start of the signal was met at piece_start +
            offset of the recording, the correlation stood `sigmas` out of its noise. Best first.
        """
        found: list[tuple[int, float, int]] = []
        n_pieces = max(1, -(-flat_signal.size // PIECE_SAMPLES))
        edges = np.linspace(0, flat_signal.size, n_pieces + 1).astype(int)
        mean_energy = float((flat_signal**2).mean())
        if self._kept.size == 0 or mean_energy == 0.0:
            return found
        for start, stop in itertools.pairwise(edges):
            piece = flat_signal[start:stop]
            if float((piece**2).sum()) < 0.05 * mean_energy * piece.size:
                continue
            correlation = self.correlation(piece)
            for row, sigmas, column in _peaks(correlation):
                place = int(self._kept[row]) * _STEP_SAMPLES + column - PIECE_SAMPLES
                found.append((place - int(start), sigmas, int(start)))
        return _strongest(found)


def _strongest(found: list[tuple[int, float, int]]) -> list[tuple[int, float, int]]:
    """Without the hits that stand in the shade of a stronger one: a signal is in one place at a time."""
    kept: list[tuple[int, float, int]] = []
    for offset, sigmas, start in sorted(found, key=lambda hit: -hit[1]):
        place = offset + start
        rivals = [hit for hit in kept if abs(hit[0] + hit[2] - place) < PIECE_SAMPLES // 2]
        if len(rivals) < 3 and all(sigmas > 0.6 * hit[1] for hit in rivals):
            kept.append((offset, sigmas, start))
    return kept


def _peaks(correlation: Float32) -> list[tuple[int, float, int]]:
    """The places of one piece's correlation that stand out: (row, sigmas, column), at most MOST_PROPOSALS."""
    cells = np.abs(correlation[:, : _STEP_SAMPLES // 128 * 128]).reshape(correlation.shape[0], -1, 128)
    highest = cells.max(axis=2)
    # The expected maximum of 128 Gaussian magnitudes is 2.67 sigma; the median is deaf to the hits
    # themselves.
    sounding = highest[highest > 1e-6]
    sigma = max(float(np.median(sounding)) / 2.67 if sounding.size else 0.0, 1e-3)
    rows, columns = np.nonzero(highest > PROPOSAL_SIGMAS * sigma)
    order = np.argsort(-highest[rows, columns])[:MOST_PROPOSALS]
    return [
        (
            int(rows[i]),
            float(highest[rows[i], columns[i]]) / sigma,
            int(columns[i]) * 128 + int(cells[rows[i], columns[i]].argmax()),
        )
        for i in order
    ]
