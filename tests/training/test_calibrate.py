"""A calibration keeps what it does not fit; a recipe without people to calibrate on never starts.

pytest tests/training/test_calibrate.py
"""

from pathlib import Path

import numpy as np
import pytest

from siamese import checkpoint
from siamese.data import people
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.errors import InputError
from siamese.evaluation import fitting
from siamese.evaluation.comparison import Comparison
from siamese.network import NetworkConfig
from siamese.training.calibrate import calibrate
from siamese.training.recipe import Files, Recipe, Stage, Workspace, make
from tests.evaluation import world


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Twelve people of three pictures each."""
    names = {f"own{who}/{n}.webp": (f"own{who}", n) for who in range(12) for n in range(3)}
    world.write_zip(tmp_path / "own.zip", names, 128)
    return tmp_path / "own.zip"


def test_a_cohort_counts_as_before(own: Path, tmp_path: Path) -> None:
    """Nothing is left to correct on the same people, by logits that the cohort takes part in."""
    world.raw_checkpoint(tmp_path / "raw")
    raw = checkpoint.load_folder(tmp_path / "raw")
    centres = np.random.default_rng(0).normal(size=(8, 32)).astype(np.float32)
    network = raw.network.with_cohort(centres)
    network.fold(1.0, 0.0, 0.5)
    config = checkpoint.CheckpointConfig(network.config, detector="none")
    checkpoint.save(tmp_path / "cohort", network, config)
    made = calibrate(tmp_path / "cohort", [own], None, tmp_path / "made", tmp_path / "cache")
    compare = Comparison.of(made.network)
    assert compare.relative == 0.5
    pictures = people.list_people([own])
    found = Collection.read(pictures, made.config, tmp_path / "cache").embedded(made.network)
    again = fitting.fit_platt(
        compare.scores(draw_pairs(found).distinct(), found.vectors), people=12
    )
    assert again.scale == pytest.approx(1, abs=0.02)
    # What the logits are made of is hundreds here, and was rounded to 16 bits.
    assert again.offset == pytest.approx(0, abs=0.5)


def test_a_recipe_says_at_once_that_people_are_too_few(own: Path, tmp_path: Path) -> None:
    recipe = Recipe(Files((own.name,)), NetworkConfig(image_size=32), distill=Stage(pictures=32))
    with pytest.raises(InputError, match="150 in all"):
        make(recipe, Workspace(own.parent, tmp_path / "cache"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
