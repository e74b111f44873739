"""The examples that the page offers: found, compared and picked by the shipped checkpoint.

What they show is true whichever network is shipped. The answers are whatever it says, and where
they are wrong this is where it shows.
"""

import pytest

from siamese import Decision, Verifier
from ui import words
from ui.tabs import examples

ONE, TWO, GROUP, BLURRED, GLASSES, YEARS, TWINS, CHILDREN = examples.PAIRS


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


def test_light_and_glasses_change_nobody(verifier: Verifier) -> None:
    found = verifier.verify(*files(GLASSES))
    assert found.decision is Decision.SAME


def test_twins_are_taken_for_one_person_and_years_are_not_overlooked(verifier: Verifier) -> None:
    assert verifier.verify(*files(TWINS)).decision is Decision.SAME
    one, years = (verifier.verify(*files(pair)) for pair in (ONE, YEARS))
    assert years.probability < one.probability


def test_two_children_are_told_apart_less_badly_where_children_are_named(
    verifier: Verifier,
) -> None:
    anybody, children = (
        verifier.verify(*files(CHILDREN), population=name) for name in ("anybody", "children")
    )
    assert children.decision is not Decision.SAME
    assert children.probability < anybody.probability


def test_only_the_blurred_picture_bears_a_warning(verifier: Verifier) -> None:
    warned = {
        path.name
        for path in examples.FOLDER.glob("*.webp")
        if any(w.code != "several_faces" for w in verifier.verify(path, path).first.warnings)
    }
    assert warned == {"person B blurred.webp"}


@pytest.mark.parametrize(
    ("pick", "identity"), list(zip(examples.PICKS, ("person C 1", None, "person B"), strict=True))
)
def test_the_picks(
    verifier: Verifier, pick: tuple[str, tuple[str, ...]], identity: str | None
) -> None:
    query, people = pick
    support = [examples.FOLDER / name for name in people]
    assert verifier.pick(examples.FOLDER / query, support).identity == identity


def test_each_says_what_it_shows() -> None:
    shown = str(examples.pairs()) + str(examples.picks())
    for caption in (*words.EXAMPLE_PAIRS, *words.EXAMPLE_PICKS):
        assert f'<span class="caption">{caption}</span>' in shown
