"""Pairs of one's own: lists in three forms, scores, figures with intervals, and the report.

pytest tests/evaluation/protocols/test_own_pairs.py
"""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from siamese import __main__ as cli
from siamese import checkpoint
from siamese.calibration import DecisionRule, OperatingPoint
from siamese.commands import exit_codes
from siamese.errors import InputError
from siamese.evaluation import evaluate, metrics, pair_lists
from siamese.evaluation.metrics import Scores
from siamese.evaluation.pair_lists import Pair, PairSource, draw, people_in, read_pair_list
from siamese.evaluation.protocols.own_pairs import intervals
from siamese.evaluation.verification import answered
from siamese.training.calibrate import calibrate
from siamese.verifier import Verifier
from tests import small_checkpoints
from tests.evaluation import world

PEOPLE = "abcdefgh"
POINT = OperatingPoint("balanced", 0.0, metrics.rate(0, 1), metrics.rate(0, 1), "nothing")
RULE = DecisionRule((POINT,), -1.0)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that compares textures."""
    root = tmp_path_factory.mktemp("world")
    world.make(root / "data")
    world.raw_checkpoint(root / "raw")
    calibrate(root / "raw", [root / "data" / "train_fiw.zip"], None, root / "made", root / "cache")
    return root / "made"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of people with two photos each, as LFW names them."""
    for who in PEOPLE:
        (tmp_path / "photos" / who).mkdir(parents=True)
        for number in (1, 2):
            content = world.picture(who, number, 48)
            (tmp_path / "photos" / who / f"{who}_{number:04d}.jpg").write_bytes(content)
    return tmp_path / "photos"


def photo(who: str, number: int) -> str:
    return f"{who}/{who}_{number:04d}.jpg"


def rows() -> list[tuple[str, str, int]]:
    genuine = [(photo(who, 1), photo(who, 2), 1) for who in PEOPLE]
    return genuine + [(photo(a, 1), photo(b, 2), 0) for a, b in zip("abcd", "efgh", strict=True)]


def write_list(folder: Path, lines: list[tuple[str, str, int]], name: str = "pairs.csv") -> Path:
    """As spreadsheets write it, with a byte order mark."""
    with (folder / name).open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([("photo_a", "photo_b", "same"), *lines])
    return folder / name


def test_a_list_gives_scores_figures_and_a_report(
    calibrated: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").write_text("no picture")
    write_list(photos, [*rows(), (photo("a", 1), "broken.jpg", 1)])
    before = small_checkpoints.files(calibrated)
    words = ["evaluate", str(calibrated), "--data", str(photos), "--cache", str(tmp_path / "cache")]
    assert cli.main(words) == 0
    (out,) = tmp_path.glob("photos-evaluated-*")
    assert small_checkpoints.files(calibrated) == before
    assert not (out / "README.md").exists()
    with (out / "pair_scores.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == 13 and written[-1]["logit"] == ""
    verifier = Verifier.from_pretrained(calibrated)
    answer = verifier.verify(photos / written[0]["photo_a"], photos / written[0]["photo_b"])
    assert float(written[0]["probability"]) == pytest.approx(answer.probability, abs=1e-4)
    shown, report = capsys.readouterr().out, (out / "report.html").read_text()
    logits = np.array([float(row["logit"]) for row in written[:-1]])
    scores = Scores(logits[:8], logits[8:])
    cost = metrics.cllr(answered(verifier.rule, scores))
    assert "8 genuine and 4 impostor pairs; 1 more" in shown and f"written: {out}" in shown
    for name, value in (("AUC", metrics.auc(scores)), ("Cllr", cost)):
        found = re.search(rf"^{name}: ([\d.]+) \(([\d.]+) to ([\d.]+)\)", shown, re.MULTILINE)
        assert found and float(found[1]) == pytest.approx(value, abs=2e-4)
        assert float(found[2]) <= float(found[1]) <= float(found[3])
        assert found[1] in report
    right = int(sum(scores.genuine >= verifier.rule.point().threshold))
    right += int(sum(scores.impostor < verifier.rule.point().threshold))
    assert f"({right} of 13; " in shown and f"({right} of 13; " in report
    assert report.count("data:image/png;base64,") == 6 and "<script" not in report


def test_lists_of_all_three_forms_say_the_same(
    calibrated: Path, photos: Path, tmp_path: Path
) -> None:
    lines = [f"{who}\t1\t2" for who in "abcd"]
    lines += [f"{a}\t1\t{b}\t2" for a, b in zip("abcd", "efgh", strict=True)]
    (tmp_path / "view.txt").write_text("\n".join(["4", *lines]) + "\n")
    as_lfw = PairSource(str(tmp_path / "view.txt")).read(photos)
    own = [row for row in rows() if row[0][0] in "abcd"]
    as_csv = PairSource(str(write_list(tmp_path, own, "own.csv"))).read(photos)
    assert as_lfw == as_csv and len(as_csv) == 8
    everything = PairSource("all").read(photos)
    assert {(p.a, p.b) for p in everything if p.same} == {(a, b) for a, b, same in rows() if same}
    assert len(everything) == 8 + 16 * 14 // 2
    found = evaluate.evaluate(
        calibrated,
        photos,
        tmp_path / "out",
        cache=tmp_path / "cache",
        own_pairs=PairSource("all"),
    )["protocols"]["pairs"]
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (8, 112)


def test_drawn_pairs_are_distinct_and_follow_the_seed(tmp_path: Path) -> None:
    """Of 30 people, two of them relatives of each other."""
    for who in (*(f"P{number}" for number in range(28)), "F1_MID1", "F1_MID2"):
        for number in range(3):
            path = tmp_path / who / f"{number}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    (tmp_path / "nobody.jpg").touch()
    for count in (20, 3000, None):  # few, nearly all, all
        pairs = draw(tmp_path, count, 1)
        assert pairs == draw(tmp_path, count, 1)
        kinds = [[(p.a, p.b) for p in pairs if p.same is same] for same in (True, False)]
        possible = (90, 90 * 87 // 2 - 9)
        assert [len(kind) for kind in kinds] == [min(count or n, n) for n in possible]
        for kind in kinds:
            assert len({frozenset(pair) for pair in kind}) == len(kind)
        assert all(a.split("/")[0] == b.split("/")[0] and a != b for a, b in kinds[0])
        assert all(a.split("_")[0].split("/")[0] != b.split("_")[0].split("/")[0]
                   for a, b in kinds[1])  # fmt: skip
    assert draw(tmp_path, 20, 1) != draw(tmp_path, 20, 2)


def test_too_many_or_no_pairs_are_reported(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_lists, "MOST_PAIRS", 100)
    with pytest.raises(InputError, match="such as --pairs 10000"):
        draw(photos, None)
    assert len(draw(photos, 50)) == 58
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pairs to draw"):
        draw(tmp_path / "empty", None)


def test_pictures_that_genuine_pairs_connect_are_of_one_person() -> None:
    pairs = [
        Pair("a", "b", True),
        Pair("b", "c", True),
        Pair("d", "a", False),
        Pair("e", "d", True),
    ]
    (a, b), (b2, c), (d, a2), (e, d2) = people_in(pairs).tolist()
    assert a == b == b2 == c == a2 and d == d2 == e and a != d


def test_intervals_widen_where_few_people_make_many_pairs() -> None:
    """The same scores, of ten people or of two hundred."""
    random = np.random.default_rng(0)
    same = np.arange(400) < 200
    scores = np.where(same, 1.5, -1.5) + random.normal(0, 1, 400)
    scores[:200] += random.normal(0, 2, 10).repeat(20)  # people differ in how alike they stay
    own = np.concatenate([np.arange(10).repeat(20), np.full(200, -1)])
    few = np.stack([own, own], 1)
    few[200:] = random.integers(10, size=(200, 2))
    many = np.stack([np.arange(400), np.arange(400) + 400 * ~same], 1)
    wide, narrow = (intervals(scores, scores, same, people)["cllr"] for people in (few, many))
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])
    for low, high in (wide, narrow):
        assert low < metrics.cllr(Scores.from_labels(scores, same)) < high


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "/etc/passwd", "a/../../b.jpg", "..\\b.jpg", "C:\\b.jpg", "C:b.jpg"]
)
def test_a_list_stays_in_its_folder(photos: Path, name: str) -> None:
    (photos.parent / "secret.jpg").write_bytes(world.picture("z", 1, 48))
    write_list(photos, [*rows(), (photo("a", 1), name, 0)])
    with pytest.raises(InputError) as raised:
        PairSource().read(photos)
    assert str(raised.value) == (
        f"pairs.csv names '{name}', which leads out of {photos}; name photos by their paths in that"
        " folder."
    )


def test_names_are_not_formulas(calibrated: Path, photos: Path, tmp_path: Path) -> None:
    odd = ("=1+1.jpg", "+a.jpg", "-a.jpg", "@a.jpg")
    for name in odd:
        (photos / name).write_bytes(world.picture("a", 7, 48))
    write_list(photos, [*rows(), *((photo("a", 1), name, 1) for name in odd)])
    evaluate.evaluate(calibrated, photos, tmp_path / "out", ["pairs"], tmp_path / "cache")
    with (tmp_path / "out" / "pair_scores.csv").open(newline="") as file:
        cells = [row["photo_b"] for row in csv.DictReader(file)]
    assert cells[-4:] == [f"'{name}" for name in odd]
    assert cells[0] == photo("a", 2)


def test_what_is_not_a_list_is_reported(calibrated: Path, photos: Path, tmp_path: Path) -> None:
    for line, content in (
        (2, b"photo_a,photo_b\nx,y\n"),
        (3, b"photo_a,photo_b,same\nx,y,1\nx,z,-1\n"),  # which is an impostor pair to others
        (2, b"photo_a,photo_b,same\nx,Jos\xe9.jpg,1\n"),
    ):
        (tmp_path / "pairs.csv").write_bytes(content)
        with pytest.raises(InputError, match=f"Line {line} of .* is not a pair"):
            read_pair_list(tmp_path / "pairs.csv")
    write_list(photos, [(photo("a", 1), "gone.jpg", 1)])
    with pytest.raises(InputError, match=r"missing photos, first 'gone\.jpg'"):
        PairSource().read(photos)
    with pytest.raises(InputError, match="There is no list of pairs nowhere"):
        PairSource("nowhere").read(photos)
    write_list(photos, rows()[:3])
    words = ["evaluate", str(calibrated), "--data", str(photos), "--pairs"]
    assert cli.main([*words, "pairs.csv", "--cache", str(tmp_path)]) == exit_codes.INPUT_ERROR
    assert cli.main([*words, "all", "--protocol", "lfw"]) == exit_codes.INPUT_ERROR
    assert cli.main([*words, "all", "--write-card"]) == exit_codes.INPUT_ERROR
    assert not (calibrated / checkpoint.METRICS).exists()
