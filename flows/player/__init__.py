"""The terminal player: a flow talked to line by line, with nothing sent, called or asked in earnest.

`play` is the whole of it for a door: typed lines in, lines to print out.
"""

from collections.abc import Iterable, Iterator

from flows.player.answers import prepared
from flows.player.player import Player

__all__ = ["Player", "play", "prepared"]


def play(player: Player, lines: Iterable[str]) -> Iterator[str]:
    """The lines to print, as the typed ones come in; ends with them, or with /quit."""
    yield from player.open()
    for line in lines:
        yield from player.feed(line)
        if player.over:
            return
