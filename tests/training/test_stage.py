"""What a stage has from its parent, and what may not contradict it.

pytest tests/training/test_stage.py
"""

import dataclasses

import pytest

from siamese.checkpoint import CheckpointConfig
from siamese.errors import InputError
from siamese.network import NetworkConfig
from siamese.training.augment import Drawings
from siamese.training.stage import Wanted, augmentation_for, settled

FACES = CheckpointConfig(
    NetworkConfig("compact", 64, 3, 128, mirrored=True), training=({"split": "people"},)
)
CHARACTERS = dataclasses.replace(
    CheckpointConfig.whole(NetworkConfig("slim", 56, 1, 256)), training=({"split": "alphabets"},)
)


@pytest.mark.parametrize("parent", [FACES, CHARACTERS], ids=["faces", "drawings"])
def test_what_is_not_given_comes_from_the_parent(parent: CheckpointConfig) -> None:
    config, split = settled(Wanted(), parent)
    assert config == parent and split.name == parent.training[0]["split"]


def test_what_agrees_with_the_parent_may_be_given() -> None:
    wanted = Wanted("slim", 56, 256, drawings=True, split="alphabets")
    assert settled(wanted, CHARACTERS)[0] == CHARACTERS
    assert settled(Wanted("compact", 64, 128, split="people"), FACES)[0] == FACES


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(backbone="slim"), "--backbone slim"),
        (Wanted(image_size=96), "--image-size 96"),
        (Wanted(embedding_size=512), "--embedding-size 512"),
        (Wanted(drawings=True), "--drawings"),
        (Wanted(split="alphabets"), "--split alphabets"),
    ],
)
def test_what_contradicts_the_parent_is_refused(wanted: Wanted, said: str) -> None:
    with pytest.raises(InputError, match=f"was not trained with {said};"):
        settled(wanted, FACES)


def test_a_parent_without_a_record_takes_any_split() -> None:
    bare = dataclasses.replace(CHARACTERS, training=())
    assert settled(Wanted(split="alphabets"), bare)[1].name == "alphabets"


def test_a_fresh_network_is_as_asked_for_or_as_usual() -> None:
    config, split = settled(Wanted(), None)
    assert config.network == NetworkConfig(mirrored=True)
    assert (config.detector, split.name) == ("mtcnn", "people")
    drawn = settled(Wanted("slim", 56, 256, drawings=True, split="alphabets"), None)
    assert dataclasses.replace(CHARACTERS, training=()) == drawn[0]
    assert drawn[1].name == "alphabets"


def test_only_faces_are_mirrored() -> None:
    assert isinstance(augmentation_for(CHARACTERS), Drawings)
    assert augmentation_for(FACES).flip > 0
