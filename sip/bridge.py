"""A bridge: two legs hearing each other."""

from typing import Protocol

from sip.events import LegId


class Bridge(Protocol):
    """Joins two legs. Opening and closing change both directions in one step: it is never half open."""

    def open(self) -> None:
        """Let both parties hear each other."""

    def open_one_way(self, talker: LegId) -> None:
        """Let the other party hear `talker` only: early media before the answer."""

    def close(self) -> None:
        """Part the legs; allowed at any time and more than once."""

    def lower(self, listener: LegId, level_db: float) -> None:
        """Let `listener` hear the other party at `level_db` (at most 0.0) until `restore`."""

    def restore(self, listener: LegId) -> None:
        """Let `listener` hear the other party at full level again."""
