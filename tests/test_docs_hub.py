"""The blocks of docs/hub.md are run, line by line, against the loopback Hub.

A comment above each block carries its name: <!-- hub-use -->.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from siamese.hub.publish import ROOT, VARIABLE
from tests import small_checkpoints as small
from tests.hub.test_repository import commands, shell, surroundings
from tests.hub_server import HubServer

PAGE = ROOT / "docs" / "hub.md"
ANSWERED = (0, 1, 3)  # exit codes: the same person, different people, uncertain


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with HubServer().running() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader sits: two photos and a checkpoint of their own."""
    monkeypatch.chdir(tmp_path)
    for name, colour in {"a.jpg": "grey", "b.jpg": "red"}.items():
        Image.new("RGB", (40, 40), colour).save(tmp_path / name)
    small.write(tmp_path / "my_checkpoint", card="# Mine\n")
    return tmp_path


def block(name: str) -> list[list[str]]:
    """The words of each line of a block; one that is not there is a failure."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^<!-- {name} -->\n```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/hub.md has no block {name}"
    return [shlex.split(line) for line in found[1].splitlines()]


def arguments(line: list[str]) -> list[str]:
    """What follows `python -m siamese` in a line that begins so."""
    assert line[:3] == ["python", "-m", "siamese"]
    return line[3:]


def test_the_four_blocks_in_the_order_of_a_life(server: HubServer, folder: Path) -> None:
    environment = surroundings(server, folder / "home", HF_TOKEN="hf_owner")
    online, offline = block("hub-offline")
    with shell(environment) as run:
        dry, published = (run(arguments(line)) for line in block("hub-publish"))
        assert (dry[0], published[0]) == (0, 0), published[2]
        assert "nothing was sent" in dry[1]
        model = server.repo("owner/name")
        commit = model.refs["main"]
        assert f"owner/name@{commit}" in published[1]
        model.refs["v1"] = commit

        lines = [*block("hub-use"), *block("hub-space")]
        used, space = (run(arguments(line)) for line in lines)
        assert used[0] in ANSWERED, used[2]
        assert f"answered by owner/name@{commit}" in used[1]
        assert space[0] == 0, space[2]
        assert space[1].strip() == f"{server.url}/spaces/owner/space"
        assert server.repo("owner/space", "space").variables == {VARIABLE: "owner/name@v1"}
        assert run(arguments(online))[0] in ANSWERED

    server.reset()
    assert offline[0] == "HF_HUB_OFFLINE=1"
    (answer,) = commands(environment | {"HF_HUB_OFFLINE": "1"}, arguments(offline[1:]))
    assert answer[0] in ANSWERED, answer[2]
    assert "from the cache" in answer[2]
    assert server.calls == []


def test_the_page_says_what_the_tests_do_not_cover() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for words in ("SIAMESE_CHECKPOINT", "Xet", "ZeroGPU", "--refresh", "#sha256="):
        assert words in text, words
