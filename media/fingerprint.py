"""Which known signals are in what a party heard, and from when to when."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from media.errors import MediaFormatError
from media.fingerprint_search import Float32, Searcher, flatten
from media.fingerprint_stretch import Material, Stretch, find_stretches, model_of, plausible
from media.types import SAMPLE_RATE_HZ, Pcm16


@dataclass(frozen=True)
class KnownSignal:
    name: str
    pcm: Pcm16
    loop: bool = False


@dataclass(frozen=True)
class Slip:
    at_s: float
    shift_s: float


@dataclass(frozen=True)
class Heard:
    name: str
    start_s: float
    end_s: float
    signal_start_s: float
    level_db: float
    whole: bool
    score: float
    slips: tuple[Slip, ...] = field(default=())


def identify(heard: Pcm16, known: Sequence[KnownSignal]) -> list[Heard]:
    x = heard.astype(np.float32)
    materials = [Material.of(signal.pcm, signal.loop) for signal in known]
    offsets: list[list[int]] = [[] for _ in known]
    stretches: list[list[Stretch]] = [[] for _ in known]
    models: list[Float32] = [np.zeros_like(x) for _ in known]
    rest = x
    for _ in range(3):
        searcher = Searcher(rest)
        strength = np.zeros(len(known))
        for k, material in enumerate(materials):
            if material.silent:
                continue
            fresh = [
                hit for hit in searcher.proposals(material.flat) if _is_new(hit[0], offsets[k], material)
            ]
            for offset, sigmas, start in fresh:
                if not plausible(rest, material, offset, start):
                    continue
                o = offset % material.samples.size if material.loop else offset
                if _is_new(o, offsets[k], material):
                    offsets[k].append(o)
                    strength[k] = max(strength[k], sigmas)
        if not strength.any():
            break
        for _again in range(2):
            for k in np.argsort(-strength).tolist():
                if not offsets[k] or (_again and not stretches[k]):
                    continue
                own = rest + models[k] if _again or strength[k] else None
                if own is None:
                    continue
                stretches[k] = find_stretches(own, materials[k], offsets[k])
                models[k] = model_of(stretches[k], materials[k], x.size)
                rest = own - models[k]
        rest = x - np.sum(models, axis=0)
        # gate
        p_r = np.convolve(rest.astype(np.float64) ** 2, np.ones(400) / 400, "same")
        p_x = np.convolve(x.astype(np.float64) ** 2, np.ones(400) / 400, "same")
        rest = rest
    out: list[Heard] = []
    for k, signal in enumerate(known):
        for st in stretches[k]:
            out.extend(Heard(signal.name, *values) for values in st.report(materials[k]))
    return sorted(out, key=lambda h: (h.start_s, h.end_s, h.name))


def _is_new(offset: int, offsets: list[int], material: Material) -> bool:
    size = material.samples.size
    apart = [abs(offset - o) for o in offsets]
    if material.loop:
        apart = [min(a % size, -a % size) for a in apart]
    return all(a > 2 for a in apart)
