"""The places of messages on their way: one connection that is slow must not take every thread."""

from collections import Counter


class Places:
    """So many places in all, of which one connection has at most three quarters."""

    def __init__(self, count: int) -> None:
        """`count`: the threads there are."""
        self._count = count
        self.most_of_one = max(1, count * 3 // 4)
        self._taken: Counter[int] = Counter()

    def try_take(self, connection_id: int) -> bool:
        """Whether there was a free one, which is taken now."""
        if self._taken[connection_id] >= self.most_of_one or self._taken.total() >= self._count:
            return False
        self._taken[connection_id] += 1
        return True

    def give_back(self, connection_id: int) -> None:
        """A message came back, or did not leave after all."""
        self._taken[connection_id] -= 1

    def copy(self) -> "Places":
        """To see what could be taken."""
        other = Places(self._count)
        other._taken = self._taken.copy()
        return other
