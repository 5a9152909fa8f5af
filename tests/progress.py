"""The progress of an indexing job, counted instead of shown."""


class Counting:
    """Counts what a progress bar would show."""

    def __init__(self) -> None:
        self.total = self.finished = self.embedded = 0

    def start(self, total: int) -> None:
        self.total = total

    def source(self, name: str) -> None: ...

    def passages(self, count: int) -> None:
        self.embedded += count

    def done(self) -> None:
        self.finished += 1
