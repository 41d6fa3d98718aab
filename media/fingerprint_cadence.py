"""Which known tone a sequence of bursts belongs to: tones of one frequency differ by their cadence alone."""

from dataclasses import dataclass, replace

from media.fingerprint_tone import CADENCE_TOLERANCE_S, Burst, ToneShape, ToneStretch

_LEVEL_STEP = 10.0 ** (6.0 / 10.0)
SHORTEST_FRAGMENT_S = 0.25
"""A lone burst that is cut short proves a tone only from here on: a vowel can rest on a pitch for 150 ms."""

# Under 18 dB below its known level, a note of music is as likely.
_LEAST_GAIN, _MOST_GAIN = 10.0 ** (-18.0 / 10.0), 10.0 ** (14.0 / 10.0)


@dataclass(frozen=True)
class _Fit:
    """Bursts first..last (half open) read as one tone, the first of them as burst `index` of its cadence."""

    tone: int
    first: int
    last: int
    index: int
    cut: int
    error_s: float


def match_cadences(bursts: list[Burst], tones: list[ToneShape]) -> list[tuple[int, ToneStretch]]:
    """Read bursts of one frequency as stretches of the tones that have it.

    Args:
        bursts: in order of time.
        tones: the known tones of this frequency.

    Returns:
        (index into tones, stretch), in order of time. What explains more bursts wins, then what needs fewer
        cuts at the ends, then what fits the durations better.
    """
    out: list[tuple[int, ToneStretch]] = []
    at = 0
    while at < len(bursts):
        fits = [
            fit
            for k, tone in enumerate(tones)
            for i in range(len(tone.bursts))
            if (fit := _walk(bursts, at, k, tone, i)) is not None and _proves(bursts, fit)
        ]
        if not fits:
            at += 1
            continue
        best = min(fits, key=lambda fit: (fit.first - fit.last, fit.cut, fit.error_s))
        best = _without_stranger(bursts, best, tones)
        out.append((best.tone, _stretch(bursts, best, tones[best.tone])))
        at = best.last
    return out


def _without_stranger(bursts: list[Burst], fit: _Fit, tones: list[ToneShape]) -> _Fit:
    """The fit without a cut last burst that is the whole first burst of another tone, which follows."""
    last = fit.last - 1
    if fit.last - fit.first < 2 or not _is_short(bursts[last], tones[fit.tone], fit):
        return fit
    for k, tone in enumerate(tones):
        other = None if k == fit.tone or tone.continuous else _walk(bursts, last, k, tone, 0)
        if other is not None and other.cut == 0 and other.last - other.first >= 2:
            return replace(fit, last=last, cut=fit.cut - 1)
    return fit


def _proves(bursts: list[Burst], fit: _Fit) -> bool:
    length_s = bursts[fit.first].stop_s - bursts[fit.first].start_s
    return fit.cut == 0 or fit.last - fit.first > 1 or length_s >= SHORTEST_FRAGMENT_S


def _walk(bursts: list[Burst], at: int, k: int, tone: ToneShape, index: int) -> _Fit | None:
    """Follow the cadence from one burst as long as it holds."""
    if not _LEAST_GAIN < bursts[at].power / tone.bursts[index].power < _MOST_GAIN:
        return None
    if tone.continuous:
        return _Fit(k, at, at + 1, 0, 1, 0.0)
    n = len(tone.bursts)
    error_s = 0.0
    cut = 0
    j = at
    while True:
        i = index + j - at
        due = tone.bursts[i % n].stop_s - tone.bursts[i % n].start_s
        over = bursts[j].stop_s - bursts[j].start_s - due
        if over > CADENCE_TOLERANCE_S:
            return None if j == at else _Fit(k, at, j, index, cut, error_s)
        error_s += abs(over)
        short = over < -CADENCE_TOLERANCE_S
        cut += short
        j += 1
        # Only the first burst may lack its beginning and only the last its end.
        if j == len(bursts) or (short and j - 1 > at) or (i + 1 >= n and not tone.loop):
            break
        pause = bursts[j].start_s - bursts[j - 1].stop_s
        error_s += abs(pause - _pause(tone, i))
        level = bursts[j].power / bursts[j - 1].power
        if abs(pause - _pause(tone, i)) > CADENCE_TOLERANCE_S or not 1 / _LEVEL_STEP <= level <= _LEVEL_STEP:
            error_s -= abs(pause - _pause(tone, i))
            break
    return _Fit(k, at, j, index, cut, error_s)


def _pause(tone: ToneShape, i: int) -> float:
    """Seconds between burst i of the cadence and the next one, over the seam of a loop too."""
    n = len(tone.bursts)
    this, following = tone.bursts[i % n], tone.bursts[(i + 1) % n]
    seam = tone.duration_s if (i + 1) % n == 0 else 0.0
    return following.start_s + seam - this.stop_s


def _stretch(bursts: list[Burst], fit: _Fit, tone: ToneShape) -> ToneStretch:
    first, last = bursts[fit.first], bursts[fit.last - 1]
    n = len(tone.bursts)
    known = tone.bursts[fit.index % n]
    missing = known.stop_s - known.start_s - (first.stop_s - first.start_s)
    # A first burst that is short, and has others after it, lacks its beginning; a lone one lacks its end.
    lacks_beginning = missing > CADENCE_TOLERANCE_S and fit.last - fit.first > 1
    start_s = known.start_s + (missing if lacks_beginning else 0.0)
    shift_s = max(0.0, start_s)
    count = fit.last - fit.first - lacks_beginning - _is_short(bursts[fit.last - 1], tone, fit)
    if tone.continuous:
        whole = last.stop_s - first.start_s >= tone.duration_s - 0.02
    elif tone.loop:
        begins = fit.index % n + lacks_beginning
        whole = count - (-begins) % n >= n
    else:
        whole = fit.index == 0 and fit.last - fit.first == n and fit.cut == 0
    gain = (sum(b.power for b in bursts[fit.first : fit.last]) / (fit.last - fit.first) / known.power) ** 0.5
    # All durations right scores 1; each burst and pause may be off by the tolerance.
    score = (
        1.0 - 0.5 * fit.error_s / (CADENCE_TOLERANCE_S * (2 * (fit.last - fit.first) - 1))
        if fit.cut == 0
        else 0.5
    )
    return ToneStretch(first.start_s, last.stop_s, shift_s, gain, whole, score)


def _is_short(burst: Burst, tone: ToneShape, fit: _Fit) -> bool:
    if tone.continuous:
        return False
    known = tone.bursts[(fit.index + fit.last - fit.first - 1) % len(tone.bursts)]
    return burst.stop_s - burst.start_s < known.stop_s - known.start_s - CADENCE_TOLERANCE_S
