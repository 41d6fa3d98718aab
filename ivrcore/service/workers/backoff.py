"""Pauses between attempts: each twice as long as the one before, up to a most."""


class Backoff:
    """Counts attempts; knows no clock."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self.attempts = 0

    def next_s(self) -> float:
        """The pause before the next attempt."""
        pause_s = min(self._most_s, self._first_s * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return pause_s

    def reset(self) -> None:
        """It went well."""
        self.attempts = 0
