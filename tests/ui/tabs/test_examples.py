"""The examples that the page offers: found, compared and picked by the shipped checkpoint.

The answers are whatever it says; a new one may answer otherwise, and then this is where it shows.
"""

import pytest

from siamese import Decision, Verifier
from ui.tabs import examples


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    """The embedded one, whatever SIAMESE_CHECKPOINT says: the examples are made for it."""
    return Verifier.from_pretrained()


# The third pair is of two groups of people who look alike; earlier networks took them for the same.
ANSWERS = (Decision.SAME, Decision.DIFFERENT, Decision.UNCERTAIN)


@pytest.mark.parametrize(
    ("pair", "expected"), list(zip(examples.PAIRS, ANSWERS, strict=True)), ids=["A", "BD", "CA"]
)
def test_the_pairs(verifier: Verifier, pair: tuple[str, str], expected: Decision) -> None:
    assert verifier.verify(*(examples.FOLDER / name for name in pair)).decision is expected


def test_the_pick(verifier: Verifier) -> None:
    people = {examples.stem(name): examples.FOLDER / name for name in examples.PEOPLE}
    assert verifier.pick(examples.FOLDER / examples.QUERY, people).identity == "person C 1"
