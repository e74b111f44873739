"""A small world to train in."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamese.data import people
from tests.reference import write_reference

PEOPLE, EACH = 60, 4


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People that are patterns of 8 x 8 squares, and a reference network that knows them apart."""
    folder = tmp_path_factory.mktemp("world")
    random = np.random.default_rng(0)
    for person in range(PEOPLE):
        pattern = random.integers(0, 256, (8, 8, 3)).repeat(16, 0).repeat(16, 1)
        (folder / "people" / f"p{person}").mkdir(parents=True)
        for number in range(EACH):
            noisy = (pattern + random.normal(0, 15, pattern.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / "people" / f"p{person}" / f"{number}.png")
    write_reference(folder / "reference.safetensors", people.list_pictures(folder / "people"))
    return folder
