"""A folder sorted by person: the tree of joins, what it promises, and the sheet.

pytest tests/test_grouping.py
"""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from siamese import __main__ as cli
from siamese.commands import exit_codes
from siamese.data.collection import Collection
from siamese.data.people import numbers
from siamese.evaluation import joins as joins_of
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.joins import false_joins, fit_joins
from siamese.evaluation.protocols.grouping import b_cubed
from siamese.grouping import Joins
from tests.evaluation.toys import collection, comparison, people
from tests.small_checkpoints import RULE

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("person ? ?.webp"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four people of two photos or more, one photo in a folder, and one file that is none."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for number, path in enumerate(EXAMPLES):
        shutil.copy(path, folder / ("trip" if number == 0 else "") / path.name)
    (folder / "broken.jpg").write_bytes(b"not a photo")
    return folder


def test_a_folder_is_sorted_and_left_as_it_was(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    out = tmp_path / "sheet.html"
    assert cli.main(["group", str(photos), "--out", str(out), "--json"]) == 0
    said = capsys.readouterr()
    answer = json.loads(said.out)
    found = [sorted(Path(name).name for name in group["photos"]) for group in answer["groups"]]
    for who in "ABCD":
        assert any(
            {f"person {who} 1.webp", f"person {who} 2.webp"} <= set(names) for names in found
        )
    assert sum(map(len, found)) == len(EXAMPLES) and len(found) > 1
    assert 0 <= answer["expected_false_joins"] <= 0.005
    assert [photo["identity"] for photo in answer["unusable"]] == ["broken.jpg"]
    assert "left out: " in said.err and "broken.jpg" in said.err
    sheet = out.read_text(encoding="utf-8")
    assert (
        sheet.count("data:image/jpeg;base64,") == len(EXAMPLES) and "trip/person A 1.webp" in sheet
    )
    assert len(re.findall(r"<h2 id=", sheet)) == len(found)
    after = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    "words", [["nowhere"], [".", "--out", "x.txt"], [".", "--false-joins", "1"]]
)
def test_what_cannot_be_grouped_is_reported(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["group", *words]) == exit_codes.INPUT_ERROR
    assert list(tmp_path.iterdir()) == []


def test_joins_are_those_of_average_linkage() -> None:
    """Against its definition: the highest mean logit between two groups is joined next."""
    vectors, _ = people(5, 3)
    logits = comparison().matrix(vectors, vectors)
    joins = Joins.of(logits)
    groups = {row: [row] for row in range(15)}
    for number, (a, b) in enumerate(joins.pairs.tolist()):
        means = {
            (x, y): logits[np.ix_(groups[x], groups[y])].mean()
            for x in groups for y in groups if x < y
        }  # fmt: skip
        assert means[min(a, b), max(a, b)] == pytest.approx(max(means.values()))
        assert joins.logits[number] == pytest.approx(max(means.values()))
        groups[15 + number] = groups.pop(a) + groups.pop(b)


def test_people_far_apart_are_found_and_more_is_joined_where_more_may_be_false() -> None:
    vectors, names = people(30, 4, noise=0.3)
    joins = Joins.of(comparison().matrix(vectors, vectors))
    who = np.array([int(name.removeprefix("person")) for name in names])
    counts = [joins.within(share, RULE) for share in (1e-6, 0.005, 0.2)]
    assert counts == sorted(counts) and counts[0] < counts[2]
    precision, recall = b_cubed(joins.labels(90), who)
    assert precision == recall == 1.0
    assert not false_joins(joins.pairs, who)[:90].any()
    assert false_joins(joins.pairs, who)[90:].all()


def test_the_expected_share_of_false_joins_by_its_formula() -> None:
    joins = Joins(np.array([[0, 1], [2, 3], [4, 5]]), np.array([4.0, 1.0, -6.0]))
    found = joins.expected_false(RULE)
    odds = [np.exp(1.04 * logit + 3.38) / k for logit, k in ((4, 4), (1, 3), (-6, 2))]
    each = [1 / (1 + value) for value in odds]
    assert found == pytest.approx(np.cumsum(each) / (1, 2, 3))
    assert joins.labels(0).tolist() == [0, 1, 2, 3] and len(set(joins.labels(3).tolist())) == 1


def test_the_odds_are_fitted_so_that_the_promise_is_kept() -> None:
    """On other people than those that they were fitted on, and far from what weights have."""
    compare = comparison()
    found = fit_joins(compare, collection(150, 4, noise=0.75))
    assert found != RULE.joins
    own, expected, counted = replace(RULE, joins=found), 0.0, 0
    for some in (collection(40, 4, noise=0.75, seed=seed) for seed in range(1, 13)):
        joins = Joins.of(compare.matrix(some.vectors, some.vectors))
        within = joins.within(0.05, own)
        expected += joins.expected_false(own)[within - 1] * within
        counted += false_joins(joins.pairs, numbers(some.identities))[:within].sum()
    assert expected / 2 < counted < expected * 2
    assert fit_joins(compare, collection(10, 4)) == RULE.joins, "too few people to fit anything on"
    easy = collection(60, 2, noise=0.05)
    assert fit_joins(compare, easy) == RULE.joins, "right and false joins are far apart"


def test_no_more_photos_are_joined_at_a_time_than_fit_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joins_of, "MOST", 4 * 60)
    sizes, counted = [], joins_of._counted

    def counting(compare: Comparison, some: Collection) -> np.ndarray:
        sizes.append(len(some.pictures))
        return counted(compare, some)

    monkeypatch.setattr(joins_of, "_counted", counting)
    fit_joins(comparison(), collection(150, 4, noise=0.75))
    assert sizes and max(sizes) == 4 * 60


def test_one_photo_is_one_person() -> None:
    joins = Joins.of(np.array([[9.0]]))
    assert joins.within(0.5, RULE) == 0 and joins.labels(0).tolist() == [0]


def test_b_cubed_by_hand() -> None:
    """Photos a a b | b: precision (2/3 + 2/3 + 1/3 + 1) / 4, recall (1 + 1 + 1/2 + 1/2) / 4."""
    assert b_cubed(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx((2 / 3, 3 / 4))
