"""Clocks. Ratios come from the processor time of this process, which a busy machine hardly affects;
the wall-clock time stands beside it, and the two agree if the machine was idle.
"""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# A quick run sets this to a part of 1: fewer runs of everything.
effort = 1.0


def times(runs: int) -> int:
    """`runs`, scaled by `effort`; at least 1."""
    return max(1, round(runs * effort))


@dataclass(frozen=True, slots=True)
class Spent:
    """Medians over `runs` runs, in milliseconds: processor time (all threads) and wall clock."""

    cpu: float
    wall: float
    runs: int


def measure(action: Callable[[], Any], runs: int, warm_up: bool = True) -> Spent:
    """How long `action` takes; one warm-up run before that does not count."""
    return interleaved([action], [runs], warm_up)[0]


def interleaved(
    actions: Sequence[Callable[[], Any]], runs: Sequence[int], warm_up: bool = True
) -> list[Spent]:
    """The same for several actions whose runs take turns, so that all see the same machine.

    What runs only once is not warmed up.
    """
    runs = [times(number) for number in runs]
    for action, number in zip(actions, runs, strict=True):
        if warm_up and number > 1:
            action()
    cpu: list[list[float]] = [[] for _ in actions]
    wall: list[list[float]] = [[] for _ in actions]
    for turn in range(max(runs)):
        for number, action in enumerate(actions):
            # Those with fewer runs are spread over the whole.
            if turn * runs[number] // max(runs) == (turn - 1) * runs[number] // max(runs):
                continue
            start = time.process_time(), time.perf_counter()
            action()
            cpu[number].append((time.process_time() - start[0]) * 1000)
            wall[number].append((time.perf_counter() - start[1]) * 1000)
    return [
        Spent(statistics.median(a), statistics.median(b), len(a))
        for a, b in zip(cpu, wall, strict=True)
    ]


def command(words: Sequence[str], runs: int, codes: Sequence[int] = (0,)) -> Spent:
    """How long a command takes in a process of its own; RuntimeError on any other exit code."""

    def run() -> None:
        done = subprocess.run(words, capture_output=True, text=True, env=os.environ)
        if done.returncode not in codes:
            raise RuntimeError(f"{' '.join(words)} failed: {done.stderr[-500:]}")

    runs = times(runs)
    if runs > 1:
        run()
    cpu, wall = [], []
    for _ in range(runs):
        before, start = _children(), time.perf_counter()
        run()
        cpu.append((_children() - before) * 1000)
        wall.append((time.perf_counter() - start) * 1000)
    return Spent(statistics.median(cpu), statistics.median(wall), runs)


@dataclass(slots=True)
class Stages:
    """Adds up the processor time of functions while they are watched, in milliseconds."""

    cpu: dict[str, float] = field(default_factory=dict)
    arguments: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    @contextmanager
    def watch(self, functions: Sequence[tuple[Any, str]]) -> Iterator[None]:
        """Time each (owner, name) for as long as the block lasts."""
        originals = [(owner, name, getattr(owner, name)) for owner, name in functions]
        for owner, name, original in originals:
            setattr(owner, name, self._timed(name, original))
        try:
            yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)

    def _timed(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.process_time()
            try:
                return original(*arguments, **options)
            finally:
                spent = (time.process_time() - start) * 1000
                self.cpu[name] = self.cpu.get(name, 0.0) + spent
                self.arguments.setdefault(name, []).append(arguments)

        return timed


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
