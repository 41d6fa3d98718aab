"""A share of the pushes under way for everybody: receivers that hang must not hold all of them."""

from collections import Counter, OrderedDict, deque

from twisted.internet.defer import Deferred, succeed

FIRSTS = 3


class Slots:
    """So many pushes at once, shared by receivers.

    A receiver gets a slot while it holds fewer than are free (dynamic thresholds: Choudhury and Hahne, 1998):
    one that hangs gets half of them, not all. The first slot of a receiver comes on top, so that somebody new
    waits only when FIRSTS times as many receivers hang as there are slots.
    """

    def __init__(self, total: int) -> None:
        """Raises ValueError unless `total` is positive."""
        if total < 1:
            raise ValueError(f"{total} slots are none")
        self.total = total
        self.used = 0
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[Deferred[None]]] = OrderedDict()

    def acquire(self, receiver: str) -> "Deferred[None]":
        """Fires when there is a slot, which is then held until `release`. Cancelling takes the wish back."""
        if receiver not in self._waiting and self._has_one(receiver):
            self._hold(receiver)
            return succeed(None)
        wish: Deferred[None] = Deferred(lambda gone: self._forget(receiver, gone))
        self._waiting.setdefault(receiver, deque()).append(wish)
        return wish

    def release(self, receiver: str) -> None:
        """Give one slot of a receiver back; those who wait get theirs in turn."""
        self.used -= 1
        self._held[receiver] -= 1
        if not self._held[receiver]:
            del self._held[receiver]
        for waiting in tuple(self._waiting):
            if waiting in self._waiting and self._has_one(waiting):
                self._waiting.move_to_end(waiting)
                wish = self._waiting[waiting].popleft()
                if not self._waiting[waiting]:
                    del self._waiting[waiting]
                self._hold(waiting)
                wish.callback(None)

    def _has_one(self, receiver: str) -> bool:
        if not self._held.get(receiver):
            return self.used < (1 + FIRSTS) * self.total
        return self._held[receiver] < self.total - self.used

    def _hold(self, receiver: str) -> None:
        self.used += 1
        self._held[receiver] += 1

    def _forget(self, receiver: str, gone: "Deferred[None]") -> None:
        waiting = self._waiting.get(receiver)
        if waiting is not None and gone in waiting:
            waiting.remove(gone)
            if not waiting:
                del self._waiting[receiver]
