"""How much of the machine visitors get: `python -m benchmarks.load`.

    python -m benchmarks.load                      1, 2, 4, 16 and 50 visitors at once
    python -m benchmarks.load --busy 2             the same beside two busy processes
    python -m benchmarks.load --visitors 1 2 --rounds 1

Each visitor sends a pair of photos and waits for the answer, once per round. Answers per second are
divided by those for the same pairs in one process with a worker for each core, measured just
before, so that what counts is a ratio; its shortfall from 1 is what the server, HTTP and the
queue take. The wait is compared with that in a queue served at the pace of that one process.
"""

import argparse
import base64
import json
import multiprocessing
import os
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

# Before torch: a thread for each pair, as the server and the command line have.
os.environ["OMP_NUM_THREADS"] = "1"

from benchmarks.growth import EXAMPLES, server
from ui.server.cores import cores

VISITORS = (1, 2, 4, 16, 50)
ROUNDS = 4


class Row(NamedTuple):
    """What this many visitors got."""

    visitors: int
    answers: float  # a second
    within: float  # answers a second in one process, with a worker for each core
    wait: float  # seconds, the median

    @property
    def share(self) -> float:
        """The visitors' share of the answers that the machine can give."""
        return self.answers / self.within

    @property
    def delay(self) -> float:
        """The wait, as a multiple of that in a queue served at the pace of one process."""
        return self.wait * self.within / max(self.visitors, cores())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--visitors", type=int, nargs="+", default=VISITORS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--busy", type=int, default=0, help="number of busy processes beside it")
    options = parser.parse_args(arguments)
    print("| visitors | answers/s | of one process | median wait, s | of a fair queue |")
    print("| --- | --- | --- | --- | --- |")
    with busy(options.busy), server(SPACE_HOST="127.0.0.1") as (url, _):
        for row in measured(url, options.visitors, options.rounds):
            print(
                f"| {row.visitors} | {row.answers:.1f} | {row.share:.0%} | {row.wait:.2f}"
                f" | {row.delay:.1f} |",
                flush=True,
            )
    return 0


def measured(url: str, visitors: Sequence[int], rounds: int) -> Iterator[Row]:
    """A row for each number of visitors."""
    photos = [_data_url(path) for path in EXAMPLES]
    answer(url, photos, "")  # warm
    for number in visitors:
        pairs = max(number, 2 * cores()) * rounds
        within = pairs / in_one_process(pairs)

        def visit(number: int) -> list[float]:
            return [answer(url, photos, f"192.0.2.{number}") for _ in range(rounds)]

        began = time.perf_counter()
        with ThreadPoolExecutor(number) as pool:
            waits = [wait for found in pool.map(visit, range(number)) for wait in found]
        yield Row(number, len(waits) / (time.perf_counter() - began), within, median(waits))


def in_one_process(pairs: int) -> float:
    """Seconds that this many pairs take in one process with a worker for each core."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        seconds: float = pool.apply(_compare, (pairs,))
    return seconds


def _compare(pairs: int) -> float:
    from siamese import Verifier

    verifier = Verifier.from_pretrained()
    verifier.verify(*EXAMPLES)  # warm
    began = time.perf_counter()
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda _: verifier.verify(*EXAMPLES), range(pairs)))
    return time.perf_counter() - began


def answer(url: str, photos: Sequence[str], address: str) -> float:
    """Ask whether both photos show the same person; the seconds until the answer is there.

    `address` is the visitor's, since each address has its own share of the places.
    """
    began = time.perf_counter()
    asked = json.dumps({"first": photos[0], "second": photos[1]}).encode()
    headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
    request = urllib.request.Request(f"{url}gradio_api/call/v2/verify", asked, headers)
    with urllib.request.urlopen(request, timeout=600) as response:
        event: Any = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{url}gradio_api/call/verify/{event}", timeout=600) as stream:
        said = stream.read()
    if b"event: complete" not in said:
        raise RuntimeError(f"no answer: {said[:200]!r}")
    return time.perf_counter() - began


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep this many processes computing for as long as the block lasts."""
    started = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.kill()


def _spin() -> None:
    while True:
        sum(range(10**6))


def _data_url(path: str) -> str:
    return f"data:image/webp;base64,{base64.b64encode(Path(path).read_bytes()).decode()}"


if __name__ == "__main__":
    sys.exit(main())
