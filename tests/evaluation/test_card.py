"""The cards say of a checkpoint only what is true of it.

pytest tests/evaluation/test_card.py
"""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.evaluation import card, evaluate
from siamese.hub import card as model_card
from siamese.network import NetworkConfig, Siamese

FACES = CheckpointConfig(NetworkConfig(image_size=32, embedding_size=16))
DRAWINGS = CheckpointConfig(dataclasses.replace(FACES.network, channels=1), "none")
KINDS = pytest.mark.parametrize("config", [FACES, DRAWINGS], ids=["faces", "drawings"])
NOTHING: dict[str, Any] = {"protocols": {}, "data": {}, "software": {}, "command": "evaluate"}


def rendered(config: CheckpointConfig, write: Callable[..., str] = card.render) -> str:
    """The card of an untrained network of which nothing was measured."""
    loaded = Checkpoint(Siamese(config.network), config, "0" * 64, "untrained")
    return write(loaded, NOTHING, Path("nowhere"))


@KINDS
def test_only_a_licence_without_a_name_is_given_one(config: CheckpointConfig) -> None:
    header, _ = model_card.split(rendered(config))
    assert (header["license"], header["license_name"]) == ("other", "see-below")
    mit = dataclasses.replace(config, license="mit")
    header, text = model_card.split(rendered(mit))
    assert header["license"] == "mit"
    assert "license_name" not in header and "license_link" not in header
    assert "bind the weights" not in text


def test_weights_of_research_photographs_say_so() -> None:
    trained = dataclasses.replace(FACES, training=({"sources": {"train_fiw.zip": "0"}},))
    header, text = model_card.split(rendered(trained))
    assert header["license_name"] == "research-only"
    assert "bind the weights" in text and "few of them are in the training pictures" in text


@KINDS
def test_the_hub_is_told_the_same_library_by_every_card(config: CheckpointConfig) -> None:
    header, _ = model_card.split(rendered(config))
    assert header["library_name"] == model_card.metadata(config, "o/n")["library_name"] == "siamese"


@KINDS
def test_mirror_images_are_mentioned_where_they_take_part(config: CheckpointConfig) -> None:
    mirrored = dataclasses.replace(config.network, mirrored=True)
    assert "mirror image" not in rendered(config)
    assert "mirror image" in rendered(dataclasses.replace(config, network=mirrored))


@pytest.mark.parametrize(
    ("config", "write", "block"),
    [(DRAWINGS, card.render, "```\n{}```"), (FACES, card.details, "<pre><code>{}</code></pre>")],
)
def test_commands_say_which_weights_they_took(
    config: CheckpointConfig, write: Callable[..., str], block: str
) -> None:
    start, _, end = block.partition("{}")
    first = {"command": "train 1", "parent_sha256": None}
    plain = rendered(dataclasses.replace(config, training=(first,)), write)
    assert block.format("train 1\nevaluate\n") in plain and "# from" not in plain
    second = {"command": "train 2 --init weights", "parent_sha256": "a" * 64}
    mean = {"command": "average 3 1 2", "parents_sha256": ["b" * 64, "c" * 64]}
    chain = dataclasses.replace(
        config, training=(first, second, mean), calibration={"command": "calibrate 3 3"}
    )
    text = rendered(chain, write)
    lines = text.rpartition(end)[0].rpartition(start)[2].splitlines()
    assert lines == [
        *("train 1", "# from aaaaaaaaaaaa", "train 2 --init weights"),
        *("# from bbbbbbbbbbbb, cccccccccccc", "average 3 1 2", "calibrate 3 3", "evaluate"),
    ]
    assert "names the weights that the command under it took" in text


def test_limits_speak_of_what_was_measured_and_used() -> None:
    for word in ("LFW is", "inside a family", "UTKFace", "Children", "EdgeFace"):
        assert word not in rendered(FACES), word
    assert "liveness" in rendered(FACES) and "a prior of one half" in rendered(FACES)


def test_the_cards_know_each_protocol_by_its_name() -> None:
    """A misspelt one would never be shown, and nobody would miss it."""
    asked = set()
    for name in ("faces.md", "details.md", "drawings.md"):
        source = (Path(card.__file__).parent / "templates" / name).read_text(encoding="utf-8")
        asked |= set(re.findall(r'"(\w+)" (?:not )?in found', source))
    assert len(asked) > 10 and asked <= set(evaluate.PROTOCOLS)


def test_other_drawings_are_not_called_omniglot() -> None:
    text = rendered(DRAWINGS).partition("## Limits")[2]
    for word in ("105x105", "alphabet", "official runs"):
        assert word not in text, word
    assert "no cropping" in text
