"""What the reference network says of stored pictures: by file and content, and found once."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from siamese.data import people
from siamese.data.reference import Reference
from siamese.errors import InputError
from tests.evaluation import world
from tests.reference import write_reference


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources, the second without names, and a network that knows the people of both."""
    folder = tmp_path_factory.mktemp("reference")
    known = {f"ann{n}/{i}.webp": (f"ann{n}", i) for n in range(4) for i in range(3)}
    world.write_zip(folder / "people.zip", known, 128)
    world.write_zip(folder / "loose.zip", {"web/7.webp": ("ann2", 7)}, 128)
    pictures = people.list_pictures(folder / "people.zip")
    write_reference(folder / "reference.safetensors", pictures)
    return folder


def test_it_knows_who_is_who_in_any_order(place: Path, tmp_path: Path) -> None:
    reference = Reference(place / "reference.safetensors", tmp_path)
    pictures = people.list_pictures(place / "people.zip")
    pictures += people.list_pictures(place / "loose.zip", labelled=False)
    found = reference.of(pictures).astype(np.float32)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
    who = np.array([*(p.identity for p in pictures[:-1]), "ann2"])
    assert np.array_equal(found @ found.T > 0.5, who[:, None] == who)
    backwards = reference.of(pictures[::-2])
    assert np.array_equal(backwards, found[::-2].astype(np.float16))


def test_a_picture_is_embedded_once_for_its_content_and_the_network(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = people.list_pictures(place / "people.zip")
    first = Reference(place / "reference.safetensors", tmp_path).of(pictures)
    shutil.copy(place / "people.zip", tmp_path / "moved.zip")
    moved = people.list_pictures(tmp_path / "moved.zip")
    with monkeypatch.context() as patch:
        patch.setattr(Reference, "forward", lambda *_: pytest.fail("it was asked again"))
        again = Reference(place / "reference.safetensors", tmp_path).of(moved[3:])
    assert np.array_equal(first[3:], again)
    state = load_file(place / "reference.safetensors")
    state["head.fc.bias"] = torch.randn(192)
    save_file(state, tmp_path / "other.safetensors")
    other = Reference(tmp_path / "other.safetensors", tmp_path).of(pictures)
    assert not np.allclose(first, other, atol=0.05)


def test_another_network_is_refused(place: Path, tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    for path in (tmp_path / "other.safetensors", place / "people.zip"):
        with pytest.raises(InputError, match="does not hold the reference network"):
            Reference(path, tmp_path)
