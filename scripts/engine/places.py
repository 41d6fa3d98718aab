"""A place in pjproject's source that we change: the text that stands there, and what takes its place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Correction:
    """A text of a file, which occurs there once, and what takes its place. `why`: for a person."""

    file: str
    why: str
    old: str
    new: str


def after(file: str, why: str, anchor: str, added: str) -> Correction:
    """Add lines behind a text."""
    return Correction(file, why, anchor, f"{anchor}\n{added}")


def before(file: str, why: str, anchor: str, added: str) -> Correction:
    """Add lines in front of a text."""
    return Correction(file, why, anchor, f"{added}\n{anchor}")
