"""What a collection has to hold, as whoever gives the orders knows it."""

import random
from pathlib import Path
from typing import Any

from benchmarks.durability.child import Child
from benchmarks.durability.orders import State, after, draw


class Ledger:
    """The state of one collection after every acknowledged order; two states, where the last one was not."""

    def __init__(self, folder: Path, index: str) -> None:
        self.folder = folder
        self.index = index
        self.states: list[State] = [{}]
        self._number = 0

    def open(self, child: Child) -> dict[str, Any]:
        """Have it opened, or made; the reply. Raises as `Child.hear` does, as do all others here."""
        return child.ask("open", folder=str(self.folder), index=self.index)

    def order(self, child: Child, chance: random.Random) -> dict[str, Any]:
        """Have something written, deleted or updated; the reply. What is refused leaves no trace."""
        self._number += 1
        order = draw(chance, self._number)
        before = self.states[-1]
        self.states = [before, after(before, order)]
        reply = child.ask(**order)
        self.states = [before] if "error" in reply else self.states[-1:]
        return reply

    def check(self, child: Child) -> list[str]:
        """What is wrong with it. Afterwards its state is what it says itself."""
        reply = child.ask("check")
        if "error" in reply:
            return complaints(reply)
        stored: State = reply["stored"]
        wrong = [*reply["wrong"], *complaints(reply)]
        if stored not in self.states:
            last = self.states[-1]
            differ = sorted(id_ for id_ in stored.keys() | last.keys() if stored.get(id_) != last.get(id_))
            wrong.append(f"{len(differ)} documents are not as they were written, such as {', '.join(differ[:3])}")
        self.states = [stored]
        return wrong


def complaints(reply: dict[str, Any]) -> list[str]:
    """An error and warnings, where there should be none."""
    error = [f"{reply['error']}: {reply['message']}"] if "error" in reply else []
    return [*error, *reply["warnings"]]
