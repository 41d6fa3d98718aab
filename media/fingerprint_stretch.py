"""stretches"""

from dataclasses import dataclass

import numpy as np

from media.fingerprint_search import Float32, flatten
from media.fingerprint_track import (
    ENTRY_COST,
    FINE_HOP,
    GAINS_DB,
    LONGEST_SLIP_SAMPLES,
    Run,
    aligned,
    evidence,
    fine_evidence,
    track,
)
from media.types import SAMPLE_RATE_HZ, Pcm16

_EDGE = 100 * SAMPLE_RATE_HZ // 1000
SNAP_COST = 10.0


@dataclass(frozen=True)
class Material:
    samples: Float32
    flat: Float32
    loop: bool
    audible: np.ndarray  # indices

    @classmethod
    def of(cls, pcm: Pcm16, loop: bool) -> "Material":
        samples = pcm.astype(np.float32)
        peak = float(np.abs(samples).max(initial=0.0))
        audible = np.flatnonzero(np.abs(samples) >= max(16.0, 0.01 * peak))
        return cls(samples, flatten(samples), loop, audible)

    @property
    def silent(self) -> bool:
        return self.audible.size == 0

    def at(self, offset: int, start: int, stop: int) -> Float32:
        return aligned(self.samples, self.loop, offset, start, stop)


@dataclass(frozen=True)
class Piece:
    start: int
    stop: int
    offset: int
    gain: float


@dataclass(frozen=True)
class Stretch:
    pieces: tuple[Piece, ...]
    evidence: float
    score: float

    def report(self, m: Material):
        # split at level steps
        parts: list[list[Piece]] = [[self.pieces[0]]]
        for p in self.pieces[1:]:
            if abs(20 * np.log10(p.gain / parts[-1][-1].gain)) > 6.0:
                parts.append([p])
            else:
                parts[-1].append(p)
        for part in parts:
            a, b = part[0].start, part[-1].stop
            n = m.samples.size
            p0, p1 = a - part[0].offset, b - part[-1].offset
            if m.loop:
                shift = p0 // n * n
                p0, p1 = p0 - shift, p1 - shift
            fa, la = int(m.audible[0]), int(m.audible[-1]) + 1
            tol = 160
            if m.loop:
                whole = any(p0 <= fa + q * n + tol and p1 >= la + q * n - tol for q in range(0, p1 // n + 2))
            else:
                whole = abs(p0 - fa) <= tol and abs(p1 - la) <= tol
            e = sum(p.gain**2 * (p.stop - p.start) for p in part) / (b - a)
            yield (a / 8000, b / 8000, p0 / 8000, 10 * float(np.log10(e)), whole, self.score)


def plausible(x: Float32, m: Material, offset: int, start: int) -> bool:
    """Whether the second from sample start of the signal really speaks for this offset."""
    a = max(0, offset + start)
    b = min(x.size, a + SAMPLE_RATE_HZ, x.size if m.loop else offset + m.samples.size)
    if b - a < 256:
        return False
    e = evidence(x[a:b], m.at(offset, a, b), 10.0 ** (GAINS_DB / 20.0))
    path = np.maximum.accumulate(0.0 * e) if False else np.clip(e, -4.0, 8.0)
    running = np.cumsum(path, axis=0)
    best = (running - np.minimum.accumulate(np.minimum(running, 0.0), axis=0)).max()
    return float(best) > 0.6 * ENTRY_COST


def find_stretches(x: Float32, m: Material, offsets: list[int]) -> list[Stretch]:
    for _ in range(4):
        runs = track(x, m.samples, m.loop, offsets)
        extra = _near_offsets(x, m, runs, offsets)
        if not extra:
            break
        offsets.extend(extra)
    groups: list[list[Run]] = []
    for run in runs:
        if groups and run.start == groups[-1][-1].stop and _slip(groups[-1][-1].offset, run.offset, m):
            groups[-1].append(run)
        else:
            groups.append([run])
    out = []
    for i, g in enumerate(groups):
        low = groups[i - 1][-1].stop if i else 0
        high = groups[i + 1][0].start if i + 1 < len(groups) else x.size
        s = _refine(x, m, g, low, high)
        if s:
            out.append(s)
    return out


def _slip(a: int, b: int, m: Material) -> bool:
    d = abs(a - b)
    if m.loop:
        d = min(d % m.samples.size, -d % m.samples.size)
    return d <= LONGEST_SLIP_SAMPLES


def _near_offsets(x, m, runs, offsets):
    out = []
    B, W = 2048, 640
    for run in runs:
        a0, b0 = max(0, run.start - 4000), min(x.size, run.stop + 4000)
        fx = flatten(x[max(0, a0 - W) : b0 + W])
        left = a0 - max(0, a0 - W)
        fs = flatten(m.at(run.offset, a0, b0))
        for a in range(0, fs.size - B + 1, B // 2):
            seg = fs[a : a + B]
            h = np.zeros(B + 2 * W, dtype=np.float32)
            lo = a + left - W
            src = fx[max(0, lo) : lo + B + 2 * W]
            h[max(0, -lo) : max(0, -lo) + src.size] = src
            n = 4096
            c = np.fft.irfft(np.fft.rfft(h, n) * np.conj(np.fft.rfft(seg, n)), n)[: 2 * W + 1]
            e = np.linalg.norm(seg)
            if e < 1e-6:
                continue
            k = int(np.abs(c).argmax())
            z = abs(c[k]) / (np.median(np.abs(c)) / 0.6745 + 1e-9)
            if k - W and abs(k - W) > 1 and z > 7:
                o = run.offset + k - W
                if m.loop:
                    o %= m.samples.size
                if all((abs(o - q) > 1) for q in offsets + out):
                    out.append(o)
    return out


def _gain(x, m, p):
    s = m.at(p.offset, p.start, p.stop)
    den = float((s.astype(np.float64) ** 2).sum())
    if den <= 0:
        return p.gain
    return max(float(x[p.start : p.stop].astype(np.float64) @ s) / den, 1e-3)


def _refine(x, m, group, low, high):
    pieces = [Piece(r.start, r.stop, r.offset, r.gain) for r in group]
    # inner
    first = _edge(x, m, pieces[0], low, +1)
    last = _edge(x, m, pieces[-1], high, -1)
    pieces[0] = Piece(first, pieces[0].stop, pieces[0].offset, pieces[0].gain)
    pieces[-1] = Piece(pieces[-1].start, last, pieces[-1].offset, pieces[-1].gain)
    for i in range(len(pieces) - 1):
        p, q = pieces[i], pieces[i + 1]
        a, b = max(p.start, p.stop - 800), min(q.stop, q.start + 800)
        if b - a < 64:
            continue
        l1 = fine_evidence(x[a:b], m.at(p.offset, a, b), p.gain)
        l2 = fine_evidence(x[a:b], m.at(q.offset, a, b), q.gain)
        c = np.concatenate(([0.0], np.cumsum(l1 - l2)))
        e = a + int(c.argmax()) * FINE_HOP - FINE_HOP // 2
        e = min(max(e, a), b)
        pieces[i] = Piece(p.start, e, p.offset, p.gain)
        pieces[i + 1] = Piece(e, q.stop, q.offset, q.gain)
    pieces = [p for p in pieces if p.stop > p.start]
    if not pieces:
        return None
    pieces = [Piece(p.start, p.stop, p.offset, _gain(x, m, p)) for p in pieces]
    pieces = _merge(x, m, pieces)
    s = np.concatenate([p.gain * m.at(p.offset, p.start, p.stop) for p in pieces]).astype(np.float64)
    y = x[pieces[0].start : pieces[-1].stop].astype(np.float64)
    score = float(y @ s / max(np.linalg.norm(y) * np.linalg.norm(s), 1e-9))
    return Stretch(tuple(pieces), sum(r.evidence for r in group), score)


def _merge(x, m, pieces):
    while True:
        best = None
        for i in range(len(pieces) - 1):
            p, q = pieces[i], pieces[i + 1]
            if p.offset != q.offset:
                continue
            d = abs(20 * np.log10(p.gain / q.gain))
            if min(p.stop - p.start, q.stop - q.start) < 1200:
                d = 0.0
            if d <= 6.0 and (best is None or d < best[0]):
                best = (d, i)
        if best is None:
            return pieces
        i = best[1]
        j = Piece(pieces[i].start, pieces[i + 1].stop, pieces[i].offset, pieces[i].gain)
        pieces[i : i + 2] = [Piece(j.start, j.stop, j.offset, _gain(x, m, j))]


def _edge(x, m, p, limit, side):
    n = m.samples.size
    at = p.start if side > 0 else p.stop
    fa, la = int(m.audible[0]), int(m.audible[-1]) + 1
    nat = p.offset + (fa if side > 0 else la)
    if m.loop:
        nat += round((at - nat) / n) * n
    mid = (p.start + p.stop) // 2
    reach = _EDGE
    if abs(nat - at) < 2400:
        reach = max(_EDGE, abs(nat - at) + 80)
    a, b = at - reach, at + reach
    if side > 0:
        a, b = max(a, limit, 0), min(b, mid)
    else:
        a, b = max(a, mid), min(b, limit, x.size)
    if b - a >= 64:
        l = fine_evidence(x[a:b], m.at(p.offset, a, b), p.gain)
        c = np.concatenate(([0.0], np.cumsum(l)))
        value = c[-1] - c if side > 0 else c
        i = int(value.argmax())
        e = min(max(a + i * FINE_HOP - FINE_HOP // 2, a), b)
        if a - 8 <= nat <= b + 8:
            j = int(np.clip(round((nat - a) / FINE_HOP), 0, value.size - 1))
            if value[i] - value[j] < SNAP_COST:
                e = nat
    else:
        e = at
    e = min(max(e, 0), x.size)
    # to audible
    pos = e - p.offset
    base = pos // n * n if m.loop else 0
    pos -= base
    if side > 0:
        i = int(np.searchsorted(m.audible, pos))
        if i < m.audible.size:
            pos = int(m.audible[i])
        elif m.loop:
            pos = n + int(m.audible[0])
    else:
        i = int(np.searchsorted(m.audible, pos)) - 1
        if i >= 0:
            pos = int(m.audible[i]) + 1
        elif m.loop:
            pos = int(m.audible[-1]) + 1 - n
    return pos + base + p.offset


def model_of(stretches, m, n):
    out = np.zeros(n, dtype=np.float32)
    for st in stretches:
        for p in st.pieces:
            a, b = max(0, p.start), min(n, p.stop)
            if b > a:
                out[a:b] += np.float32(p.gain) * m.at(p.offset, a, b)
    return out
