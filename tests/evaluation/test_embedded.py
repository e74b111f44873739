"""The checkpoint that is shipped: its weights, figures and card belong together.

pytest tests/evaluation/test_embedded.py
"""

import os
from pathlib import Path

import pytest

from siamese import checkpoint
from siamese.evaluation import card
from siamese.evaluation.metrics_file import read_metrics
from siamese.evaluation.protocols import explanations, unusual_photos
from tests.evaluation.toys import check_folder

FOLDERS = (checkpoint.EMBEDDED, checkpoint.DRAWINGS)


@pytest.fixture(autouse=True)
def shipped() -> None:
    if not (checkpoint.EMBEDDED / checkpoint.WEIGHTS).exists():
        missing = pytest.fail if os.environ.get("SIAMESE_REQUIRE_ALL") == "1" else pytest.skip
        missing("there is no embedded checkpoint")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_weights_config_metrics_and_card_are_of_one_network(folder: Path) -> None:
    assert check_folder(folder) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_card_is_what_the_figures_say_and_nothing_else(folder: Path) -> None:
    """Rendering again gives the same text, so no figure in it was typed by hand."""
    found = read_metrics(folder)
    assert found is not None
    loaded = checkpoint.load_folder(folder)
    written = (folder / checkpoint.CARD).read_text(encoding="utf-8")
    assert written == card.render(loaded, found, folder)
    assert len(written.splitlines()) <= 150
    if card.subject_of(loaded.config) == "faces":
        details = (folder / card.DETAILS).read_text(encoding="utf-8")
        assert details == card.details(loaded, found, folder)


def test_the_figures_are_of_this_code() -> None:
    """Of explanations as they are made and checked, and of warnings as they are raised."""
    found = read_metrics(checkpoint.EMBEDDED)
    assert found is not None
    protocols = found["protocols"]
    assert set(protocols["explanations"]["fillings"]) == set(explanations.FILLINGS)
    flags = {
        name: measure["flag"] for name, measure in protocols["unusual_photos"]["measures"].items()
    }
    assert flags == {name: measure.flag for name, measure in unusual_photos.MEASURES.items()}


def test_the_one_for_drawings_is_small_and_looks_for_no_face() -> None:
    loaded = checkpoint.load_folder(checkpoint.DRAWINGS)
    assert (checkpoint.DRAWINGS / checkpoint.WEIGHTS).stat().st_size <= 3_000_000
    assert loaded.config.detector == "none" and loaded.config.license == "mit"
