"""A share for everybody: what one client may hold of connections, places and the time of the cores.

The queue is first come, first served; so a client that fills it makes all others wait. It gets a
part of the places, and while others wait, no more than half of the time.
"""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

from ui.server.cores import cores
from ui.server.limits import MAX_AHEAD, MAX_OPEN, MAX_OPEN_EACH, MAX_WAITING_EACH


@dataclass(slots=True)
class _Taken:
    """Seconds of work that a client has taken beyond its half, as of a moment."""

    seconds: float = 0.0
    at: float = field(default_factory=lambda: monotonic())

    def now(self) -> float:
        """The seconds that are left of it by now: half of what all cores can do is everybody's."""
        return max(0.0, self.seconds - (monotonic() - self.at) * cores() / 2)


class Shares:
    """What each client holds now, and has taken of late."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._taken: dict[str, _Taken] = {}

    def enter(self, client: str) -> bool:
        """Whether a client may have one more request open; `leave` has to follow either way."""
        self._open[client] += 1
        return self._open[client] <= MAX_OPEN_EACH and self._open.total() <= MAX_OPEN

    def leave(self, client: str) -> None:
        """A request is over."""
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]

    def worked(self, client: str, seconds: float) -> None:
        """Work for a client took so many seconds."""
        self._taken = {who: taken for who, taken in self._taken.items() if taken.now() > 0}
        so_far = self._taken.get(client, _Taken())
        self._taken[client] = _Taken(so_far.now() + seconds)

    def may_wait(self, client: str, waiting: Counter[str]) -> bool:
        """Whether a client may have one more place in the queue, where these have some."""
        others = waiting.total() > waiting[client]
        taken = self._taken.get(client, _Taken()).now()
        return waiting[client] < MAX_WAITING_EACH and not (others and taken > MAX_AHEAD)


SHARES = Shares()
