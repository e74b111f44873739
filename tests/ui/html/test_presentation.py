"""Numbers, words and pictures of the page; nothing that comes from outside becomes HTML."""

import base64
import html
import io
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from siamese import ImageError, Verification
from siamese.answers import SAME_PHOTO, Explanation, Grid, Origin, PhotoFaces
from siamese.calibration import (
    Bounds,
    CountedRate,
    DecisionRule,
    ErrorCurve,
    OperatingPoint,
    Population,
    Rate,
    probability,
)
from siamese.faces import quality
from siamese.faces.detector import Face
from siamese.photos import load
from siamese.verifier import Sighting
from ui import draw, photo, words
from ui.html import about, answers, cards, details, numbers, why
from ui.tabs import examples
from ui.tabs.components import Percent
from ui.visit import Kept, Member, Problem, Shown, gallery, person_of

HOSTILE = '"><script>alert(1)</script>'


def picture(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "under 0.1 %"),
        (0.0049, "0.5 %"),
        (0.5, "50 %"),
        (0.987, "99 %"),
        (0.9964, "99.6 %"),
        (1.0, "over 99.9 %"),
    ],
)
def test_nothing_is_certain_in_per_cent(share: float, words: str) -> None:
    assert numbers.percent(share) == words


@pytest.mark.parametrize(
    ("typed", "meant"), [(0.1, 0.1), (12.5, 12.5), (50, 50), (0, 0.1), (None, 0.1), (100, 99.9)]
)
def test_a_prior_is_taken_from_0_1_to_99_9_per_cent(typed: float | None, meant: float) -> None:
    assert Percent(0.1, 99.9).preprocess(typed) == meant


def test_a_prior_is_shown_as_it_was_chosen() -> None:
    for tenths in range(1, 1000):
        shown = str(tenths / 10).removesuffix(".0")
        assert numbers.exact(tenths / 10 / 100) == f"{shown} %"
        assert len(repr(numbers.from_percent(tenths / 10))) <= len("0.9999")


def test_no_probability_reads_as_0_or_100() -> None:
    for share in np.linspace(0, 1, 2001):
        words = numbers.percent(float(share))
        assert words not in ("0 %", "100 %", "0.0 %", "100.0 %")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0 %"),
        (1.27e-7, "under 0.001 %"),
        (1e-5, "0.001 %"),
        (0.000_123, "0.012 %"),
        (0.0996, "10 %"),
        (0.345, "34 %"),
        (1.0, "100 %"),
    ],
)
def test_rates_of_any_size_can_be_read(value: float, words: str) -> None:
    assert numbers.rate(value) == words


def test_no_difference_of_probabilities_reads_as_0_or_100() -> None:
    found = [numbers.points(float(share)) for share in np.linspace(0, 1, 2001)]
    assert found[0] == "under 1" and found[-1] == "over 99"
    assert not {"0", "100"} & set(found)


def test_positions_on_the_scale_grow_with_the_evidence() -> None:
    found = [numbers.position(logit) for logit in np.linspace(-12, 12, 100)]
    assert found == sorted(found)
    assert (found[0], numbers.position(0.0), found[-1]) == (0.0, 50.0, 100.0)


@pytest.mark.parametrize("prior", [0.01, 0.3, 0.5, 0.99])
def test_ticks_stand_where_their_probability_is_reached(prior: float) -> None:
    for left, label in numbers.ticks(prior):
        logit = (left / 100 * 2 - 1) * math.log(999)
        assert 100 * probability(logit, prior) == pytest.approx(float(label[:-2]), rel=0.01)


def test_names_from_outside_are_only_text() -> None:
    shown = Shown(HOSTILE, draw.jpeg_url(Image.new("RGB", (8, 8))))
    broken = Shown(HOSTILE, problem=Problem("unreadable_image", HOSTILE))
    pages = [
        cards.photo(shown, words.ROLES["first"]),
        cards.photo(broken, words.ROLES["first"]),
        cards.notice(HOSTILE),
        about.notice(HOSTILE),
        cards.members({"1": Member(HOSTILE, shown), "2": Member(HOSTILE, broken)}, ""),
    ]
    for page in pages:
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_only_a_photo_of_several_faces_says_so() -> None:
    shown, row = Shown("a.jpg"), np.zeros(4, np.float32)
    page = cards.members({str(n): Member("a", shown, row, n) for n in (1, 3)}, "")
    assert re.findall(r"(\d) faces found", page) == ["3"]


def test_every_picture_has_words_or_says_that_it_needs_none() -> None:
    shown = Shown("a.jpg", draw.jpeg_url(Image.new("RGB", (8, 8))))
    page = cards.photo(shown, words.ROLES["first"]) + cards.members({"1": Member("a", shown)}, "")
    assert all("alt=" in tag for tag in re.findall(r"<img[^>]*>", page))


def seen(name: str = "a.jpg") -> PhotoFaces:
    """A photo of 100 x 100 pixels with one face."""
    crop = np.full((96, 96, 3), 128, np.uint8)
    face = Face((20.0, 20.0, 80.0, 80.0), ((50.0, 50.0),) * 5, 0.99, crop)
    return PhotoFaces(name, (100, 100), (face,), 0, ())


def judged(rule: DecisionRule, logit: float = 0.85, prior: float = 0.5) -> Verification:
    """The answer on two photos with this logit."""
    found = rule.judge(logit, rule.point(), prior)
    return Verification.of(
        found,
        all_pairs=((found.log10_likelihood_ratio,),),
        otherwise={},
        cautions=(),
        photos=(seen(HOSTILE), seen()),
        checkpoint=Origin("weights", "e1cf" * 16),
        milliseconds={},
    )


POINT = OperatingPoint("balanced", 0.5, Rate(1, 9, 0, 1), Rate(1, 9, 0, 1), "toys")
RULE = DecisionRule((POINT,), -2.0)


def answer(similar: CountedRate | None, logit: float = 0.85, prior: float = 0.5) -> str:
    found = replace(judged(RULE, logit, prior), different_people_as_similar=similar)
    return answers.verification(found, RULE)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (0, "None of 3,000 pairs of strangers looked this alike."),
        (1, "About 1 in 3,000 pairs of strangers look this alike."),
        (10, "About 1 in 300 pairs of strangers look this alike."),
        (61, "About 1 in 50 pairs of strangers look this alike."),
        (420, "About 1 in 7 pairs of strangers look this alike."),
        (1000, "About 3 in 10 pairs of strangers look at least this alike."),
        (2840, "About 9 in 10 pairs of strangers look at least this alike."),
        (2990, "Nearly all pairs of strangers look at least this alike."),
    ],
)
def test_how_often_strangers_look_this_alike_is_one_sentence(errors: int, said: str) -> None:
    similar = CountedRate(errors, 3000, 0.0, 1.0, "LFW View 2")
    assert said in answer(similar)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (0, "None of 3,000 pairs of photos of one person looked this unlike."),
        (19, "About 1 in 150 pairs of photos of one person look at least this unlike."),
        (61, "About 1 in 50 pairs of photos of one person look at least this unlike."),
    ],
)
def test_different_people_are_told_of_by_how_rarely_one_person_looks_so(
    errors: int, said: str
) -> None:
    """How often others are called the same says nothing of an answer that says "different"."""
    unlike = CountedRate(errors, 3000, 0.0, 1.0, "LFW View 2")
    counted = {
        "same_person_as_unlike": unlike,
        "different_people_as_similar": unlike,
        "false_matches_among": {"children": unlike},
    }

    def shown(logit: float) -> str:
        found = replace(judged(RULE, logit), **counted)
        return answers.verification(found, RULE).partition("<details")[0]

    assert said in shown(-3.0) and said not in shown(0.85)
    assert "strangers" not in shown(-3.0) and "strangers" in shown(0.85)
    assert "Wrongly called" not in shown(-3.0) and "Wrongly called" in shown(0.85)
    assert "At most this similar: " in answers.verification(
        replace(judged(RULE, 0.85), **counted), RULE
    )


@pytest.mark.parametrize("share", [0.0001, 0.0021, 0.034, 0.0512, 0.11, 0.1499])
def test_one_in_many_is_rounded_by_little(share: float) -> None:
    one, many = numbers.one_in(share)
    assert 1 / int(many.replace(",", "")) == pytest.approx(share, rel=0.11)
    assert one == "1"


@pytest.mark.parametrize(
    ("found", "words", "interval"),
    [
        (
            CountedRate(61, 3000, 0.0156, 0.026, "LFW View 2"),
            "At least this similar: about 20 of 1,000 random pairs of different people (61",
            "1.6 % to 2.6 %",
        ),
        (
            CountedRate(0, 3000, 0.0, 0.0012, "LFW View 2"),
            "At least this similar: fewer than 1 of 1,000 random pairs of different people (0",
            "0 % to 0.12 %",
        ),
    ],
)
def test_how_often_different_people_look_as_similar_is_stated(
    found: CountedRate, words: str, interval: str
) -> None:
    shown = answer(found)
    assert words in shown
    assert f"95 % interval {interval}" in shown


def test_what_was_never_counted_is_not_stated() -> None:
    assert "At least this similar" not in answer(None)
    assert "<script" not in answer(None)


@pytest.mark.parametrize(
    ("logit", "prior", "said", "verdict"),
    [
        (0.85, 0.5, "probably belong to the same person", "same"),
        (0.85, 0.009, "more likely that they are not", "uncertain"),
        (-3.0, 0.5, "probably belong to different people", "different"),
        (-3.0, 0.99, "more likely that they are.", "uncertain"),
        (-1.0, 0.01, "may settle it", "uncertain"),
    ],
)
def test_word_colour_and_sentence_agree_with_the_number(
    logit: float, prior: float, said: str, verdict: str
) -> None:
    """The decision does not depend on the prior, so it and the number may point to two sides."""
    shown = answer(None, logit, prior)
    leads = [*words.LEADS.values(), *words.LEADS_DESPITE.values()]
    assert [lead for lead in leads if lead in shown] == [lead for lead in leads if said in lead]
    assert f'<section class="answer {verdict}"' in shown
    assert re.findall(r"<h2[^>]*>([^<]*)", shown) == [words.VERDICTS[verdict]]
    assert f'data-say="{words.VERDICTS[verdict]},' in shown


@pytest.mark.parametrize("prior", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_the_mark_on_the_scale_lies_in_the_zone_of_the_word(prior: float) -> None:
    for logit in np.linspace(-6, 6, 121):
        found = judged(RULE, float(logit), prior)
        scale = str(answers._scale(found, RULE))
        low = float(re.findall(r'zone different" style="width:([\d.]+)%', scale)[0])
        high = float(re.findall(r'zone same" style="left:([\d.]+)%', scale)[0])
        here = float(re.findall(r'class="here" style="left:([\d.]+)%', scale)[0])
        zone = "different" if here < low else "same" if here >= high else "uncertain"
        if min(abs(here - low), abs(here - high)) > 0.1:
            assert zone == details.decided(found.decision, found.probability)


def test_a_claim_at_the_bound_says_that_no_stronger_one_is_made() -> None:
    rule = replace(RULE, bounds=Bounds(-2.0, 3.0, 100, 1000))
    page = answers.verification(judged(rule, 40.0), rule)
    assert (
        "about 1,000 times as likely to show one person as to show two people. Strong support"
        in page
    )
    assert words.EVIDENCE_BOUNDED in page
    below = answers.verification(judged(rule, 6.0), rule)
    assert "about 400 times" in below and words.EVIDENCE_BOUNDED not in below


def among(name: str, scale: float, errors: int) -> Population:
    """A population in which this many of 100 pairs are called the same at the toys' threshold."""
    rate, limit = Rate(2, 100, 0.0, 0.1), scale * 0.5
    return Population(
        name,  # type: ignore[arg-type]
        scale,
        0.0,
        (OperatingPoint("balanced", 1.0, rate, rate, "kin of toys"),),
        -2.0,
        ErrorCurve("kin of toys", 100, ((-9.0, 100, 0.9, 1.0), (limit - 0.01, errors, 0.0, 1.0))),
        Bounds(-1.0, 1.5, 100, 100),
    )


@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_a_same_person_says_what_it_would_be_of_relatives(prior: float) -> None:
    """That is what is answered where they are named."""
    kin = among("relatives", 0.4, 25)
    rule = replace(RULE, populations=(kin, replace(kin, warned=True, offset=-1.0)))
    found = judged(rule, 3.0, prior)
    found = replace(found, otherwise=rule.otherwise(3.0, found))
    named = rule.among("relatives")
    answered = named.judge(float(named.pair_logit(np.array(3.0))), named.point("balanced"), prior)
    other = found.otherwise["relatives"]
    assert (other.decision, other.log10_likelihood_ratio, other.probability) == pytest.approx(
        (answered.decision, answered.log10_likelihood_ratio, answered.probability)
    )
    page = answers.verification(found, rule)
    verdict = words.VERDICTS[details.decided(other.decision, other.probability)]
    percent = numbers.percent(other.probability)
    sentence = f"If they may be close relatives: {verdict}, {percent}."
    assert (sentence in html.unescape(page)) == ("answer same" in page)
    unlike = judged(rule, -3.0, prior)
    unlike = replace(unlike, otherwise=rule.otherwise(-3.0, unlike))
    assert "If they may be" not in answers.verification(unlike, rule)


def test_beside_an_answer_stands_how_often_children_and_relatives_are_confused() -> None:
    rule = replace(RULE, populations=(among("children", 0.5, 12), among("relatives", 0.4, 25)))
    for logit in (-1.9, 0.1, 3.0):
        page = answers.verification(judged(rule, logit), rule)
        line = next(re.finditer(r'<p class="among">(.*?)</p>', page))[1]
        assert line == words.AMONG.format(
            shares="11 % of strangers, 12 % of different children, and 25 % of close relatives"
        )
        assert "close relatives: 25 % (25 of 100 pairs, kin of toys" in page
    for nothing in (judged(RULE), judged(rule, -9.0)):
        assert 'class="among"' not in answers.verification(nothing, rule)


def test_whoever_names_a_population_is_answered_for_it() -> None:
    rule = replace(RULE, populations=(among("children", 0.5, 12), among("relatives", 0.4, 25)))
    own = rule.among("children")
    found = judged(own, float(own.pair_logit(np.array(3.0))))
    page = answers.verification(found, rule, np.array([[3.0]]))
    assert "as to show two children. Weak support" in page
    line = next(re.finditer(r'<p class="among">(.*?)</p>', page))[1]
    assert line.startswith("Different people are taken to be two children. Wrongly")
    assert "2 % of different children and " in line and "strangers" not in line
    assert "pairs of different children look" in page, "no longer of strangers"
    lines = json.loads(html.unescape(re.findall(r'data-picture="(.*?)"', page)[0]))["lines"]
    assert details.named("children") in lines, "whoever gets the picture sees it too"


def test_the_same_photo_twice_is_called_that() -> None:
    found = replace(judged(RULE), cautions=(SAME_PHOTO,))
    page = answers.verification(found, RULE)
    assert '<p class="lead">This is the same photo twice;' in page
    assert page.count("This is the same photo twice") == 3, "in the JSON and the picture too"
    assert '<section class="answer uncertain" aria-label="The same photo twice"' in page
    assert 'class="number"' not in page and 'class="scale"' not in page
    assert "the same photo twice" not in answer(None)


def test_photos_that_cannot_be_used_are_on_top_of_the_list() -> None:
    """A long list is seen in part, and the answer says that it tells why."""
    good = Member("ann", Shown("a.jpg"), np.ones(4, np.float32))
    shown = cards.members({"1": good, "2": Member("bob", Shown("b.jpg")), "3": good}, "")
    assert re.findall(r'data-do="remove" data-member="(\d)"', shown) == ["2", "1", "3"]


def test_where_all_faces_are_compared_none_is_marked_until_one_is_chosen() -> None:
    face = seen().face
    photo = load(np.zeros((100, 100, 3), np.uint8), "a.png")
    shown = Shown("a.png", "data:", photo, Sighting(photo, (face, face)))
    pages = {
        all_count: [
            cards.photo(it, words.ROLES["first"], all_count) for it in (shown, shown.choose("1"))
        ]
        for all_count in (True, False)
    }
    marked = {key: [re.findall(r'face chosen.*?data-face="(\d)"', page) for page in found]
              for key, found in pages.items()}  # fmt: skip
    assert marked == {True: [[], ["1"]], False: [["0"], ["1"]]}
    assert "All are compared" in pages[True][0] and "Tap the one you mean" in pages[False][0]


def test_the_answer_on_several_faces_says_which_and_what_follows() -> None:
    judgement = replace(RULE, false_matches=None).judge(6.0, POINT, 0.5, 6)
    two = replace(seen(), faces=(seen().face,) * 2, chosen=1)
    three = replace(seen(), faces=(seen().face,) * 3)
    found = replace(judged(RULE), photos=(two, three), comparisons=6, all_pairs=((0.0,) * 3,) * 2)
    said = answers.searched(replace(found, false_match_rate=judgement.false_match_rate))
    assert said.startswith(
        "The most alike of 6 pairs of faces: face 2 of the first photo and face 1 of the second"
        " photo. At most one of them is the pair you ask about"
    )
    assert said.endswith("one is called the same in 51 % of cases.")  # 1 - (8 / 9) ** 6
    found = replace(found, false_match_rate=None)
    assert answers.searched(found) in answers.verification(found, RULE)


def test_a_small_photo_is_enlarged_but_no_strip() -> None:
    def sheet(width: int, height: int) -> bool:
        photo = load(np.zeros((height, width, 3), np.uint8), "a.png")
        return 'class="sheet small"' in cards.photo(
            Shown("a.png", "data:", photo), words.ROLES["first"]
        )

    assert [sheet(40, 40), sheet(1000, 40), sheet(1000, 1000)] == [True, False, False]


def test_the_picture_of_an_answer_carries_its_warnings() -> None:
    blurred = quality.QualityWarning(quality.Flag.BLURRED, "The face is blurred.")
    warned = replace(seen(HOSTILE), warnings=(blurred,))
    point = OperatingPoint("balanced", 0.0, Rate(1, 9, 0, 1), Rate(1, 9, 0, 1), "toys")
    origin = Origin("weights", "e1cf")
    made = details.picture("same", "Same person", ["70 %"], (warned, seen()), point, origin)
    assert made["warnings"] == [f"{HOSTILE}: The face is blurred."]
    assert details.picture("same", "", [], (seen(),), point, origin)["warnings"] == []


def explained(grid: np.ndarray) -> Explanation:
    small = grid / 4
    return Explanation(
        logit=1.0,
        grid=Grid.over(96, 8),
        influences=(grid, small),
        photos=(seen(HOSTILE), seen()),
        checkpoint=Origin("weights", "e1cf"),
        milliseconds={"explain": 1.0},
    )


def test_an_explanation_marks_what_speaks_for_and_against() -> None:
    grid = np.zeros((8, 8), np.float32)
    grid[0, 7], grid[7, 3] = 2.0, -1.0
    shown = str(why.explanation(explained(grid)))
    first, second = shown.split("</figure>")[:2]
    assert '<rect class="for" x="7" y="0"' in first
    assert '<rect class="against" x="3" y="7"' in first
    # A plus and a minus: not by colour alone. Both pictures share a scale, so the second has none.
    assert first.count("<path") == 2 and first.count("v.5") == 1
    assert second.count("<rect") == 2 and second.count("<path") == 0
    assert "lies at the top right" in first and "at the bottom" in first
    assert "by a factor of 7.4" in shown  # e squared
    assert "<script" not in shown


def test_an_explanation_without_any_effect_is_drawn_too() -> None:
    shown = str(why.explanation(explained(np.zeros((8, 8), np.float32))))
    assert "<rect" not in shown and "by a factor of" in shown


def test_what_is_kept_is_forgotten_when_anything_changed() -> None:
    first, second = Shown("a"), Shown("b")
    kept = Kept("answer", (first, second))
    assert kept.of(first, second) == "answer"
    assert kept.of(first, Shown("b")) is None
    assert kept.of(first) is None
    assert Kept().of(first) is None


@pytest.mark.parametrize("row", ["0", "2", "8", "-1", "²", "x", "9" * 40])
def test_examples_are_there_whatever_is_asked_for(row: str) -> None:
    uploads = examples.pair(row)
    assert [upload.content[:4] for upload in uploads] == [b"RIFF", b"RIFF"]
    names = tuple(upload.name for upload in uploads)
    assert names == examples.PAIRS[int(row) if row in ("0", "2") else 0]


def test_previews_are_small_and_carry_no_metadata() -> None:
    from siamese.photos import load

    block = Image.Exif()
    block[0x010F] = "the maker of the camera"
    file = io.BytesIO()
    Image.new("RGB", (3000, 2000), "red").save(file, "JPEG", exif=block)
    preview = picture(draw.preview(load(file.getvalue(), "large.jpg")))
    assert preview.size == (800, 533)
    assert not preview.getexif()


def test_a_data_url_gives_its_bytes_and_anything_else_a_sentence() -> None:
    body = base64.b64encode(b"some bytes").decode()
    assert photo.take(f"data:image/png;base64,{body}").content == b"some bytes"
    named = photo.take({"url": f"data:image/png;base64,{body}", "orig_name": "../../a/b.png"})
    assert (named.name, named.content) == ("b.png", b"some bytes")
    for refused in ("https://example.org/a.jpg", "", "data:image/png,raw", "file:///etc/passwd"):
        with pytest.raises(ImageError, match="Web addresses are not fetched"):
            photo.take(refused)
    with pytest.raises(ImageError, match="not valid base64"):
        photo.take("data:image/png;base64,???")


def test_a_file_is_deleted_once_it_is_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"the photo")
    assert photo.take({"path": str(path), "orig_name": "mine.jpg"}).content == b"the photo"
    assert not path.exists()
    with pytest.raises(ImageError, match=r"mine\.jpg"):
        photo.take({"path": str(path), "orig_name": "mine.jpg"})


def test_people_of_the_support_set_by_name() -> None:
    embeddings = np.eye(3, dtype=np.float32)
    members = tuple(
        Member(person_of(name), Shown(name), row)
        for name, row in zip(("anna_b.jpg", "carl.png", "x"), embeddings, strict=True)
    )
    unusable = Member("anna b", Shown("letter.txt", problem=Problem("unreadable_image", "no")))
    people = gallery((*members, unusable), "weights")
    assert {name: len(rows) for name, rows in people.photos.items()} == {
        "anna b": 1,
        "carl": 1,
        "x": 1,
    }


@pytest.mark.parametrize("face", ["-1", "2", "nonsense", "9" * 40, "²"])
def test_a_face_that_is_not_there_changes_nothing(face: str) -> None:
    shown = Shown("a.jpg", face=0)
    assert shown.choose(face) is shown


def test_each_face_matches_at_most_one_of_the_other_photo() -> None:
    assert answers.matches(np.array([[0.0, 3.0, -1.0], [5.0, 1.0, -2.0]])) == [(1, 0), (0, 1)]
    crowd = np.random.default_rng(0).normal(size=(7, 4))
    found = answers.matches(crowd)
    assert len(found) == 4 == len({row for row, _ in found}) == len({column for _, column in found})
    assert [crowd[at] for at in found] == sorted((crowd[at] for at in found), reverse=True)
