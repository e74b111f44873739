"""How the cost grows: with pixels, faces, support photos and visitors; and how soon it starts."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import scenes, timing
from benchmarks.speed import Photos, encoded
from benchmarks.timing import command, measure, times
from siamese import Verifier
from siamese.support import Gallery

REPOSITORY = Path(__file__).parent.parent
EXAMPLES = [str(REPOSITORY / "examples" / f"person {name}.webp") for name in ("A 1", "A 2")]
MEGAPIXELS = (0.25, 0.5, 1, 2, 4, 8, 16, 32)
FACES = (1, 2, 4, 8, 16, 32)
SUPPORT = (5, 10, 20, 50, 100)
VISITORS = (1, 2, 4, 8, 16)
PEOPLE = 100_000


def curves(verifier: Verifier, made: Photos, archive: Path) -> dict[str, list[tuple[float, float]]]:
    """(amount, processor time in ms) of each growth; "visitors" is wall-clock, see `app`."""
    portraits = scenes.lfw_portraits(archive, max(FACES), step=90)
    found: dict[str, list[tuple[float, float]]] = {"pixels": [], "faces": [], "support": []}
    for megapixels in MEGAPIXELS:
        height = (megapixels * 1e6 * 3 / 4) ** 0.5
        size = round(height * 4 / 3), round(height)
        place = scenes.Place(size[0] / 2, size[1] / 2, height / 5)
        canvas = scenes.background(size, seed=1)
        photo = encoded(scenes.compose(portraits[:1], [place], canvas)[0])
        spent = measure(lambda photo=photo: verifier.embed([photo]), 7)
        found["pixels"].append((megapixels, spent.cpu))
    for number in FACES:
        scene, _ = scenes.group(portraits[:number], 90, scenes.background((1280, 960), seed=2))
        photo = encoded(scene)
        spent = measure(lambda photo=photo: verifier.all_pairs(photo, made.originals[0]), 7)
        found["faces"].append((number, spent.cpu))
    for number in SUPPORT if timing.effort == 1 else SUPPORT[:3]:
        support = {str(i): made.originals[i % 2] for i in range(number)}
        spent = measure(lambda support=support: verifier.gallery(support), 2)
        found["support"].append((number, spent.cpu))
    return found


def galleries(verifier: Verifier, photos: Sequence[bytes]) -> dict[str, float]:
    """Processor time in ms: to open 100,000 people, to search them, and to embed one photo."""
    size = verifier.config.network.embedding_size
    rows = np.random.default_rng(0).normal(size=(PEOPLE, 1, size)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    people = Gallery({f"person {i}": row for i, row in enumerate(rows)}, verifier.origin.sha256)
    people.isolation(verifier.head.isolation)
    with tempfile.TemporaryDirectory() as folder:
        people.save(Path(folder) / "people")
        opened = measure(lambda: Gallery.load(Path(folder) / "people"), 7)
        loaded = Gallery.load(Path(folder) / "people")
        asked, spent = verifier.find(photos[0]), []
        for _ in range(times(20) + 1):
            clock = timing.Stages()
            with clock.watch([(Verifier, "_rank")]):
                verifier.pick(asked, loaded)
            spent.append(clock.cpu["_rank"])
    support = {f"photo {number}": photo for number, photo in enumerate(photos)}
    embedded = measure(lambda: verifier.gallery(support), 3)
    return {
        "people": PEOPLE,
        "open": opened.cpu,
        "first": spent[0],
        "ms": float(np.median(spent[1:])),
        "embed": embedded.cpu / len(photos),
    }


def start() -> dict[str, Any]:
    """Processor time of `python -m siamese verify` beside that of `import torch`, in ms."""
    python = sys.executable
    torch = command([python, "-c", "import torch"], 3)
    verify = command([python, "-m", "siamese", "verify", *EXAMPLES], 3, codes=(0, 1, 3))
    return {"torch": torch.cpu, "verify": verify.cpu, "ratio": verify.cpu / torch.cpu}


def app() -> dict[str, Any]:
    """Seconds until the page answers and until its first answer; and simultaneous visitors."""
    from gradio_client import Client, handle_file

    with server() as (url, started):
        began = time.perf_counter()
        client = Client(url, verbose=False)
        client.predict(*map(handle_file, EXAMPLES), api_name="/verify")
        first = time.perf_counter() - began
        clients = [client, *(Client(url, verbose=False) for _ in range(max(VISITORS) - 1))]
        visitors = []
        for number in VISITORS:
            began = time.perf_counter()
            threads = [
                threading.Thread(
                    target=visitor.predict,
                    args=map(handle_file, EXAMPLES),
                    kwargs={"api_name": "/verify"},
                )
                for visitor in clients[:number]
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            visitors.append((number, (time.perf_counter() - began) * 1000))
    return {"start": started, "first_answer": first, "visitors": visitors}


@contextmanager
def server(**more: str) -> Iterator[tuple[str, float]]:
    """The app in a process of its own: its address, and the seconds until it answered.

    `more` is added to its environment.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_TEMP_DIR": folder,
            **more,
        }
        url, began = f"http://127.0.0.1:{port}/", time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while process.poll() is None:
                try:
                    with urllib.request.urlopen(url, timeout=5):
                        break
                except OSError:
                    time.sleep(0.05)
            else:
                raise RuntimeError("the app did not start")
            yield url, time.perf_counter() - began
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:  # it waits for visitors who are still connected
                process.kill()
                process.wait()
