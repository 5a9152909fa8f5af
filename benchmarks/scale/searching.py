"""Searches that are timed one after the other, without and with filters."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.scale.corpus import BUCKETS, RARE, Questions
from benchmarks.scale.subjects import Filter, Mode, Subject

WARM_UP = 10  # searches before those that count

FILTERS: dict[str, Callable[[int, int], Filter]] = {  # by the share that they keep: that of the n-th search, at a size
    "0.01 %": lambda n, size: Filter("rare", "==", n * 7919 % min(size, RARE)),
    "1 %": lambda n, _: Filter("bucket", "==", n % BUCKETS),
    "99 %": lambda n, _: Filter("bucket", "!=", n % BUCKETS),
}


@dataclass(frozen=True)
class Series:
    """Milliseconds of each search, and the numbers of the passages that it found."""

    times: list[float] = field(default_factory=list)
    found: list[list[int]] = field(default_factory=list)

    def latency(self) -> dict[str, float]:
        return latency(self.times)


def latency(milliseconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum, and of how many."""
    ordered = sorted(milliseconds)
    return {
        "p50": round(statistics.median(ordered), 3),
        "p95": round(ordered[int(0.95 * len(ordered))], 3),
        "max": round(ordered[-1], 3),
        "n": len(ordered),
    }


@dataclass(frozen=True)
class Asking:
    """A store that is asked all questions in one mode, until they or the seconds of a series are at an end."""

    store: Subject
    mode: Mode
    questions: Questions
    seconds: float

    def warm_up(self) -> None:
        for number in range(min(WARM_UP, len(self.questions.texts))):
            self._ask(number, None, Series())

    def unfiltered(self) -> Series:
        series = Series()
        for number in self._in_time(len(self.questions.texts)):
            self._ask(number, None, series)
        return series

    def filtered(self, name: str, size: int, count: int) -> tuple[Series, Series]:
        """The first use of each filter, and the second, which follows at once with another question."""
        first, second = Series(), Series()
        for number in self._in_time(min(count, len(self.questions.texts))):
            chosen = FILTERS[name](number, size)
            self._ask(number, chosen, first)
            self._ask((number + 1) % len(self.questions.texts), chosen, second)
        return first, second

    def _in_time(self, count: int) -> Iterator[int]:
        end = time.perf_counter() + self.seconds
        for number in range(count):
            yield number
            if time.perf_counter() > end:
                return

    def _ask(self, number: int, chosen: Filter | None, series: Series) -> None:
        text, vector = self.questions.texts[number], self.questions.vectors[number]
        began = time.perf_counter()
        numbers = self.store.search(self.mode, text, vector, chosen)
        series.times.append(1000 * (time.perf_counter() - began))
        series.found.append(numbers)
