"""The checkpoint that is shipped: its weights, figures and card belong together.

pytest tests/evaluation/test_embedded.py
"""

import os

import pytest

from siamese import checkpoint
from siamese.evaluation import audit, card, report


@pytest.fixture(autouse=True)
def shipped() -> None:
    if not (checkpoint.EMBEDDED / checkpoint.WEIGHTS).exists():
        missing = pytest.fail if os.environ.get("SIAMESE_REQUIRE_ALL") == "1" else pytest.skip
        missing("there is no embedded checkpoint")


def test_weights_config_metrics_and_card_are_of_one_network() -> None:
    assert audit.check_folder(checkpoint.EMBEDDED) == []


def test_the_card_is_what_the_figures_say_and_nothing_else() -> None:
    """Rendering again gives the same text, so no figure in it was typed by hand."""
    found = report.read_metrics(checkpoint.EMBEDDED)
    assert found is not None
    loaded = checkpoint.load_folder(checkpoint.EMBEDDED)
    written = (checkpoint.EMBEDDED / checkpoint.CARD).read_text(encoding="utf-8")
    assert written == card.render(loaded, found, checkpoint.EMBEDDED)
