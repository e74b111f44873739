"""The examples that the page offers: found, compared and picked by the shipped checkpoint.

What they show is true whichever network is shipped. The answers are whatever it says, and where
they are wrong this is where it shows.
"""

import pytest

from siamese import Decision, Verifier
from ui import words
from ui.tabs import examples

ONE, TWO, GROUP, BLURRED = examples.PAIRS


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    """The embedded one, whatever SIAMESE_CHECKPOINT says: the examples are made for it."""
    return Verifier.from_pretrained()


def files(pair: tuple[str, str]) -> list[str]:
    return [str(examples.FOLDER / name) for name in pair]


def test_one_person_is_the_same_and_two_are_different(verifier: Verifier) -> None:
    assert verifier.verify(*files(ONE)).decision is Decision.SAME
    assert verifier.verify(*files(TWO)).decision is Decision.DIFFERENT


def test_a_blurred_picture_leaves_it_open_and_says_so(verifier: Verifier) -> None:
    found = verifier.verify(*files(BLURRED))
    assert found.decision is Decision.UNCERTAIN
    assert "blurred" in {warning.code for warning in found.second.warnings}


def test_who_stands_in_a_group_is_found_there(verifier: Verifier) -> None:
    found = verifier.verify(*files(GROUP))
    assert (found.decision, found.comparisons) == (Decision.SAME, 3)
    lefts = [face.box[0] for face in found.first.faces]
    assert sorted(lefts).index(lefts[found.first.chosen]) == 1, "in the middle"


@pytest.mark.parametrize(
    ("pick", "identity"), list(zip(examples.PICKS, ("person C 1", None), strict=True))
)
def test_the_picks(
    verifier: Verifier, pick: tuple[str, tuple[str, ...]], identity: str | None
) -> None:
    people = {examples.stem(name): examples.FOLDER / name for name in pick[1]}
    assert verifier.pick(examples.FOLDER / pick[0], people).identity == identity


def test_each_says_what_it_shows() -> None:
    shown = str(examples.pairs()) + str(examples.picks())
    for caption in (*words.EXAMPLE_PAIRS, *words.EXAMPLE_PICKS):
        assert f'<span class="caption">{caption}</span>' in shown
