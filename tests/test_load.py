"""Many visitors at once, many requests in turn, and a server that is killed at work.

The long run, `pytest -m long -n0 -s tests/test_load.py`, prints the figures that the README quotes;
throughput means something on an idle machine only.
"""

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from gradio_client import Client, handle_file
from PIL import ImageEnhance, ImageOps

from siamese.answers import SCHEMA_VERSION
from tests import app_server, pictures
from tests.visitor import data_url, get, post, rounded, upload, without_times
from ui.server.shares import MAX_WAITING_EACH
from ui.tabs.options import POOL_SIZE

VISITORS = 50
REQUESTS = 2000
WARM_UP = 400  # requests after which memory is compared
GROWTH = 1.05


@pytest.fixture
def server() -> Iterator[app_server.Server]:
    """One of its own, since its memory is measured and it is killed; told where visitors are."""
    started = app_server.start([sys.executable, "app.py"], SPACE_HOST="127.0.0.1")
    yield started
    app_server.stop(started)


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A photo for each visitor, no two alike: other light, other side, other part."""
    folder = tmp_path_factory.mktemp("visitors")
    made = []
    for number in range(VISITORS):
        photo = pictures.portrait().crop((60 + number, 10, 420 + number, 400 + 2 * number))
        photo = ImageEnhance.Brightness(photo).enhance(0.7 + number / 80)
        photo = ImageOps.mirror(photo) if number % 2 else photo
        photo.thumbnail((220, 220))
        path = folder / f"visitor {number}.jpg"
        photo.save(path, quality=80 + number % 15)
        made.append(path)
    return made


def arrival(server: app_server.Server, number: int = 0) -> Client:
    """A visitor's client, which is as patient as a busy machine needs; each at its address."""
    address = {"X-Forwarded-For": f"192.0.2.{number + 1}"}
    return Client(server.url, verbose=False, headers=address, httpx_kwargs={"timeout": 300})


def request(client: Client, number: int, portraits: list[Path]) -> Callable[[], Any]:
    """What a visitor asks: every third one for a pick, the others whether two photos match."""
    mine, other = portraits[number], portraits[(number + 1) % VISITORS]
    if number % 3:
        return lambda: client.submit(handle_file(mine), handle_file(other), api_name="/verify")
    support = [handle_file(portraits[(number + step) % VISITORS]) for step in (1, 2, 3)]
    return lambda: client.submit(handle_file(mine), support, api_name="/pick")


def expected(number: int, portraits: list[Path]) -> dict[str, Any]:
    """The answer to that in process."""
    verifier = app_server.verifier()
    mine, other = portraits[number], portraits[(number + 1) % VISITORS]
    if number % 3:
        return dict(verifier.verify(mine, other).to_dict())
    support = [portraits[(number + step) % VISITORS] for step in (1, 2, 3)]
    return dict(verifier.pick(mine, support).to_dict())


def comparable(answer: dict[str, Any]) -> Any:
    return rounded(without_times(answer))


@pytest.mark.parametrize("visitors", [8, pytest.param(VISITORS, marks=pytest.mark.long)])
def test_everybody_gets_their_own_answer(
    server: app_server.Server, portraits: list[Path], visitors: int
) -> None:
    with ThreadPoolExecutor(visitors) as pool:
        clients = list(pool.map(lambda number: arrival(server, number), range(visitors)))
        asks = [request(client, n, portraits) for n, client in enumerate(clients)]
        for ask in asks[:3]:
            ask().result()  # warm
        start = time.perf_counter()
        alone = [ask().result() for ask in asks]
        in_turn = time.perf_counter() - start
        ranks: set[int] = set()

        def visit(ask: Callable[[], Any]) -> Any:
            job = ask()
            while not job.done():
                rank = job.status().rank
                if rank is not None:
                    ranks.add(rank)
                time.sleep(0.05)
            return job.result()

        start = time.perf_counter()
        together = list(pool.map(visit, asks))
        at_once = time.perf_counter() - start
    for number, (one, other) in enumerate(zip(alone, together, strict=True)):
        right = comparable(expected(number, portraits))
        assert comparable(one) == right
        assert comparable(other) == right
    assert ranks, "nobody was told their place in the queue"
    assert server.uploads == []
    say(f"{visitors} visitors at once: {visitors / at_once:.2f} requests/s, places up to"
        f" {max(ranks) + 1}; one after the other: {visitors / in_turn:.2f} requests/s")  # fmt: skip


# The app, whose answers wait until a file is there, and are noted in the order in which they come.
# Who asks is told by the prior that they ask with.
GATED = """
import os, runpy, time
from pathlib import Path
from siamese import verifier
gate, order = Path(os.environ["GATE"]), Path(os.environ["ORDER"])
real = verifier.Verifier.verify
def gated(self, *photos, **options):
    while not gate.exists():
        time.sleep(0.05)
    with order.open("a") as file:
        file.write(str(options["prior"]) + chr(10))
    return real(self, *photos, **options)
verifier.Verifier.verify = gated
runpy.run_path("app.py", run_name="__main__")
"""
HONEST, GREEDY = 0.5, 0.25  # priors


def test_a_greedy_client_at_most_doubles_what_others_wait(tmp_path: Path) -> None:
    """Fifty visitors with one request each, who come while one client has filled what it may.

    Waiting is counted in answers: alone, the median visitor is served 25th or 26th.
    """
    gate, order = tmp_path / "gate", tmp_path / "order"
    files = {"GATE": str(gate), "ORDER": str(order)}
    server = app_server.start([sys.executable, "-c", GATED], SPACE_HOST="127.0.0.1", **files)
    try:
        taken = [asked(server, GREEDY, "198.51.100.9")[0] for _ in range(4 * MAX_WAITING_EACH)]
        places = taken.count(200)
        assert MAX_WAITING_EACH <= places <= MAX_WAITING_EACH + POOL_SIZE
        assert taken == [200] * places + [503] * (len(taken) - places)
        honest = [asked(server, HONEST, f"192.0.2.{number + 1}") for number in range(VISITORS)]
        assert [status for status, _ in honest] == [200] * VISITORS
        assert {asked(server, GREEDY, "198.51.100.9")[0] for _ in range(VISITORS)} == {503}
        gate.touch()
        for _, said in honest:
            event = json.loads(said)["event_id"]
            assert b"unreadable_image" in get(server, f"gradio_api/call/verify/{event}")[1]
        served = [float(line) for line in order.read_text().split()]
        waited = [place for place, prior in enumerate(served, 1) if prior == HONEST]
        assert len(waited) == VISITORS
        assert median(waited) <= 2 * median(range(1, VISITORS + 1))
    finally:
        app_server.stop(server)


def asked(server: app_server.Server, prior: float, address: str) -> tuple[int, str]:
    """A request from this address that is answered fast, since what it sends are not photos."""
    photo = "data:image/jpeg;base64,YWJj"
    given = {"first": photo, "second": photo, "prior": prior}
    return post(server, "gradio_api/call/v2/verify", given, **{"X-Forwarded-For": address})


@pytest.mark.long
def test_memory_is_flat(server: app_server.Server, portraits: list[Path]) -> None:
    """Mixed requests by plain HTTP, each a visit of its own."""
    taken = []
    for number in range(REQUESTS):
        mine, other = (portraits[(number + step) % VISITORS] for step in (0, 1))
        if number % 4 == 3:
            answer = call(server, "verify", first=data_url(str(mine)), second=data_url(str(other)))
        elif number % 4 == 2:
            support = [sent(server, other) for _ in range(2)]
            answer = call(server, "pick", query=sent(server, mine), support=support)
        else:
            answer = call(server, "verify", first=sent(server, mine), second=sent(server, other))
        assert answer["schema_version"] == SCHEMA_VERSION
        if (number + 1) % 100 == 0:
            taken.append(app_server.megabytes(server))
            say(f"{number + 1} requests: {taken[-1]:.0f} MB")
    warm = taken[WARM_UP // 100 - 1]
    assert max(taken[WARM_UP // 100 :]) <= GROWTH * warm, taken
    assert server.uploads == []


def sent(server: app_server.Server, path: Path) -> dict[str, Any]:
    """A photo that was uploaded, as a request names it."""
    uploaded = upload(server, path.name, path.read_bytes())
    return {"path": uploaded, "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def call(server: app_server.Server, name: str, **given: Any) -> dict[str, Any]:
    """The answer of an endpoint, asked for as by curl."""
    status, event = post(server, f"gradio_api/call/v2/{name}", given)
    assert status == 200, event
    _, stream = get(server, f"gradio_api/call/{name}/{json.loads(event)['event_id']}")
    kind, answer = re.findall(r"event: (\w+)\ndata: (.*)", stream.decode())[-1]
    assert kind == "complete", stream
    found: dict[str, Any] = json.loads(answer)[0]
    return found


@pytest.mark.long
def test_a_killed_server_serves_again_and_keeps_no_photo(portraits: list[Path]) -> None:
    first = app_server.start([sys.executable, "app.py"])
    uploaded = Path(upload(first, "left.jpg", portraits[0].read_bytes()))
    photos = {
        "first": data_url(str(portraits[0])),
        "second": data_url(str(portraits[1])),
    }
    for _ in range(6):
        assert post(first, "gradio_api/call/v2/verify", photos)[0] == 200
    os.killpg(first.process.pid, signal.SIGKILL)  # with requests at work and in the queue
    first.process.wait()
    assert uploaded.is_file()
    second = app_server.start([sys.executable, "app.py"], GRADIO_TEMP_DIR=str(first.temporary))
    try:
        assert not uploaded.exists() and first.uploads == []
        client = arrival(second)
        answer = request(client, 1, portraits)().result()
        assert comparable(answer) == comparable(expected(1, portraits))
    finally:
        app_server.stop(second)
        app_server.stop(first)


@pytest.mark.long
def test_visits_that_overlap_do_not_mix(server: app_server.Server, portraits: list[Path]) -> None:
    """One client, many threads: the answers come back to the questions they belong to."""
    client = arrival(server)
    wrong: list[int] = []

    def work(number: int) -> None:
        answer = request(client, number, portraits)().result()
        name = answer["photos"][0]["name"] if number % 3 else answer["query"]["name"]
        if name != f"visitor {number}.jpg":
            wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def say(figure: str) -> None:
    print(f"\n{figure}", end="", flush=True)
