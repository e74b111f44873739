"""Photos with several faces: all are compared, and the number allows for having searched.

The people are the composites of `examples/`, pasted together.
"""

import base64
import re
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from siamese import InputError, Verifier
from siamese import __main__ as cli
from siamese.calibration import LN10
from siamese.commands import exit_codes
from tests import app_server
from tests.pictures import encoded, pasted
from ui import words
from ui.html import rankings

EXAMPLES = Path(__file__).parent.parent / "examples"


def person(name: str) -> Image.Image:
    return Image.open(EXAMPLES / f"person {name}.webp")


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier.from_pretrained()


@pytest.fixture(scope="module")
def group() -> Image.Image:
    """Three people; the one who is asked for stands at the side, not in the middle."""
    return pasted(person("A 1"), person("B 1"), person("C 1"))


def test_somebody_in_a_group_photo_is_found_there(verifier: Verifier, group: Image.Image) -> None:
    for place, name in enumerate(("A 2", "B 2", "C 2")):
        answer = verifier.verify(group, person(name))
        faces = answer.first.faces
        assert (len(faces), len(answer.second.faces), answer.comparisons) == (3, 1, 3)
        left_to_right = sorted(range(3), key=lambda index: faces[index].box[0])
        assert answer.first.chosen == left_to_right[place], "the answer is about this face"
        assert answer.decision == "same" and answer.probability > 0.5
        assert not answer.first.warnings, "nothing was chosen without a look"


def test_the_order_of_the_photos_does_not_matter(verifier: Verifier, group: Image.Image) -> None:
    one, two = verifier.verify(group, person("A 2")), verifier.verify(person("A 2"), group)
    assert (one.logit, one.probability) == pytest.approx((two.logit, two.probability), abs=1e-4)
    assert (one.first.chosen, one.decision) == (two.second.chosen, two.decision)
    np.testing.assert_allclose(np.array(one.all_pairs), np.array(two.all_pairs).T, atol=1e-4)


def test_the_answer_is_about_the_best_of_all_pairs(verifier: Verifier, group: Image.Image) -> None:
    other = pasted(person("D 1"), person("B 2"))
    answer, logits = verifier.verify(group, other), verifier.all_pairs(group, other)
    assert logits.shape == (3, 2) and answer.comparisons == 6
    best = np.unravel_index(logits.argmax(), logits.shape)
    assert (answer.first.chosen, answer.second.chosen) == best
    assert answer.logit == logits.max() and answer.first.warnings == answer.second.warnings == ()
    expected = verifier.rule.bounded(logits) / LN10
    np.testing.assert_allclose(answer.all_pairs, expected)
    explained = verifier.explain(group, other)
    assert [photo.chosen for photo in explained.photos] == [*best]


def test_a_chosen_pair_is_not_corrected(verifier: Verifier, group: Image.Image) -> None:
    searched = verifier.verify(group, person("A 2"))
    chosen = verifier.verify(group, person("A 2"), first_face=searched.first.chosen)
    assert (chosen.comparisons, chosen.first.chosen) == (1, searched.first.chosen)
    assert chosen.logit == pytest.approx(searched.logit, abs=1e-4)
    odds = [found.probability / (1 - found.probability) for found in (chosen, searched)]
    assert odds[0] / odds[1] == pytest.approx(3, rel=1e-3)
    assert chosen.log10_likelihood_ratio == searched.log10_likelihood_ratio
    other = next(index for index in range(3) if index != searched.first.chosen)
    assert verifier.verify(group, person("A 2"), first_face=other).logit < chosen.logit
    with pytest.raises(InputError, match="the first photo, which has 3"):
        verifier.verify(group, person("A 2"), first_face=3)


def test_the_command_line_says_which_faces_and_prints_all_pairs(
    group: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group.save(tmp_path / "group.png")
    photos = [str(tmp_path / "group.png"), str(EXAMPLES / "person A 2.webp")]
    assert cli.main(["verify", *photos, "--all-pairs"]) == exit_codes.SAME
    said = capsys.readouterr().out
    best = re.search(
        r"the most alike of 3 pairs of faces \(--first-face (\d) --second-face 0\)", said
    )
    assert best and "its prior odds were divided by 3" in said
    assert "false matches among 3 pairs of different people" in said
    table = said.partition("of the second\n")[2].splitlines()[:3]
    assert max(range(3), key=lambda row: float(table[row])) == int(best[1])
    assert cli.main(["verify", *photos, "--first-face", best[1]]) == exit_codes.SAME
    assert "pairs of faces" not in capsys.readouterr().out


def test_over_http_every_face_is_compared_too(
    server: app_server.Server, group: Image.Image
) -> None:
    client = Client(server.url, verbose=False)
    photos = [
        f"data:image/png;base64,{base64.b64encode(encoded(picture)).decode()}"
        for picture in (group, person("A 2").convert("RGB"))
    ]
    answer = client.predict(*photos, operating_point="fmr=0.01", api_name="/verify")
    assert answer["decision"] == "same" and answer["comparisons"] == 3
    assert np.shape(answer["all_pairs"]) == (3, 1)
    chosen = answer["photos"][0]["chosen"]
    assert np.argmax(answer["all_pairs"]) == chosen
    assert answer["operating_point"]["name"] == "fmr=0.01"
    alone = client.predict(*photos, first_face=chosen, api_name="/verify")
    assert alone["comparisons"] == 1 and np.shape(alone["all_pairs"]) == (1, 1)
    with pytest.raises(AppError, match="not a false match rate that was measured"):
        client.predict(*photos, operating_point="fmr=0", api_name="/verify")


def test_the_same_photo_twice_is_told_apart_from_two_photos(verifier: Verifier) -> None:
    one, two = person("A 1"), person("A 2")
    assert [caution.code for caution in verifier.verify(one, one).cautions] == ["same_photo"]
    assert verifier.verify(one, two).cautions == ()
    assert verifier.verify(one, one.transpose(Image.Transpose.FLIP_LEFT_RIGHT)).cautions == ()


def test_a_pick_says_who_every_face_is(verifier: Verifier, group: Image.Image) -> None:
    support = {name: person(f"{name} 2") for name in ("A", "B", "D")}
    answer = verifier.pick(group, support)
    faces = answer.query.faces
    left_to_right = sorted(range(3), key=lambda index: faces[index].box[0])
    assert [found.face for found in answer.each_face] == [0, 1, 2]
    assert [answer.each_face[face].identity for face in left_to_right] == ["A", "B", None]
    own = answer.each_face[answer.query.chosen]
    assert own.identity == answer.identity and own.probability >= answer.ranking[0].probability
    stranger = answer.each_face[left_to_right[2]]
    assert stranger.candidate == "D" and stranger.none_probability > 0.5
    assert stranger.probability + stranger.none_probability == pytest.approx(1), "A and B are taken"
    shown = rankings.pick(answer, {})
    for face, found in enumerate(answer.each_face):
        who = found.identity or words.NONE_OF_THESE
        assert f"{who} <small>Face {face + 1} of 3</small>" in shown
    assert "of 3</small>" not in rankings.pick(verifier.pick(person("A 1"), support), {})


def test_no_two_faces_of_a_query_are_the_same_person(verifier: Verifier) -> None:
    twice = pasted(person("A 1"), person("A 2"))
    gallery = {"A": person("A 1"), "C": person("C 1")}
    each = verifier.pick(twice, gallery).each_face
    assert sorted(found.identity or "" for found in each) == ["", "A"]
    alone = verifier.pick(twice, {"A": person("A 1")}, query_face=np.int64(1))
    assert alone.query.chosen == 1 and len(alone.each_face) == 2
    (nobody,) = (found for found in alone.each_face if found.identity is None)
    assert (nobody.candidate, nobody.probability, nobody.none_probability) == (None, 0, 1)


def test_one_face_costs_a_pick_no_more(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    embed = verifier._network.embed_crops
    monkeypatch.setattr(
        verifier._network, "embed_crops", lambda crops: batches.append(len(crops)) or embed(crops)
    )
    gallery, _ = verifier.gallery({"A": person("A 1")})
    batches.clear()
    answer = verifier.pick(person("A 2"), gallery)
    assert (answer.each_face, batches) == ((), [1])


def test_every_face_is_told_on_the_command_line_and_over_http(
    group: Image.Image,
    tmp_path: Path,
    server: app_server.Server,
    capsys: pytest.CaptureFixture[str],
) -> None:
    people = [EXAMPLES / f"person {name} 2.webp" for name in "AB"]
    support = tmp_path / "people"
    support.mkdir()
    for path, name in zip(people, "AB", strict=True):
        (support / f"{name}.webp").write_bytes(path.read_bytes())
    group.save(tmp_path / "group.png")
    cli.main(["pick", str(tmp_path / "group.png"), str(support)])
    said = re.findall(r"^face \d(?: \(.*?\))?: (\w+)", capsys.readouterr().out, re.MULTILINE)
    assert sorted(said) == ["A", "B", "none"]
    query, *photos = (
        f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
        for kind, content in [("png", encoded(group)), *(("webp", p.read_bytes()) for p in people)]
    )
    answer = Client(server.url, verbose=False).predict(query, photos, ["A", "B"], api_name="/pick")
    named = [found["identity"] for found in answer["each_face"]]
    assert sorted(map(str, named)) == ["A", "B", "None"]
