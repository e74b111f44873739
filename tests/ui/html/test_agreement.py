"""Word, colour, number and sentence of an answer never disagree: 10,000 answers drawn at random."""

import re

import numpy as np
import pytest

from siamese import Verification
from siamese.answers import Origin, PhotoFaces
from siamese.calibration import (
    REASONS,
    Bounds,
    DecisionRule,
    OperatingPoint,
    Rate,
    Strength,
    probability,
)
from siamese.faces.detector import Face
from ui import draw, words
from ui.html import answers, details, numbers

ANSWERS = 10_000
ROUNDED = 0.011  # how exactly the page places things, in per cent of the width
RATE = Rate(1, 9, 0.0, 1.0)
FACE = Face((0.0, 0.0, 8.0, 8.0), ((4.0, 4.0),) * 5, 0.99, np.zeros((8, 8, 3), np.uint8))
PHOTO = PhotoFaces("a.jpg", (8, 8), (FACE,), 0, ())


def drawn(random: np.random.Generator) -> tuple[Verification, DecisionRule]:
    """An answer by any rule that a checkpoint may hold, whether it makes sense or not."""
    point = OperatingPoint("careful", float(random.normal(1, 3)), RATE, RATE, "toys")
    low, high = random.choice([0.0, 0.5, 2.0, 4.0], 2)
    rule = DecisionRule(
        (point,),
        different_below=float(random.normal(-2, 3)),
        bounds=None if random.random() < 0.2 else Bounds(-float(low), float(high), 9, 99),
        warned=bool(random.random() < 0.3),
    )
    edges = [point.threshold, rule.different_below, 0.0]  # as likely as anything between them
    logit = float(random.choice([*edges, *random.normal(0, 5, 6), 40.0, -40.0]))
    prior = 0.5 if random.random() < 0.5 else float(random.uniform(0.001, 0.999))
    count = int(random.choice([1, 1, 2, 12]))
    judged = rule.judge(logit, point, prior, count)
    found = Verification.of(
        judged,
        all_pairs=((judged.log10_likelihood_ratio,) * count,),
        otherwise={},
        cautions=(),
        photos=(PHOTO, PHOTO),
        checkpoint=Origin("weights", "e1cf" * 16),
        milliseconds={},
    )
    return found, rule


def shown_percent(said: str) -> tuple[float, float]:
    """Between which probabilities a number on the page lies."""
    value = float(re.findall(r"[\d.]+", said)[0]) / 100
    if said.startswith("under"):
        return 0.0, value
    return (value, 1.0) if said.startswith("over") else (value - 0.0051, value + 0.0051)


def disagreements(found: Verification, rule: DecisionRule, page: str) -> list[str]:
    """What is wrong with an answer as it stands on the page."""
    decision, log10 = found.decision.value, found.log10_likelihood_ratio
    said = details.decided(found.decision, found.probability)
    lead = next(re.finditer(r'<p class="lead">(.*?)</p>', page))[1]
    percent = next(re.finditer(r'<p class="number"><b>(.*?)</b>', page))[1]
    low, high = shown_percent(percent)
    here = float(next(re.finditer(r'class="here" style="left:([\d.]+)%', page))[1])
    start, width = map(
        float, next(re.finditer(r'uncertain" style="left:([\d.]+)%;width:([\d.]+)%', page)).groups()
    )
    zones = {
        "different": here <= start,
        "uncertain": start <= here <= start + width + ROUNDED,
        "same": here >= start + width - ROUNDED,
    }
    towards = "same" if log10 > 0 else "different"
    checks = {
        "word": words.VERDICTS[said] == next(re.finditer(r"<h2[^>]*>(.*?)</h2>", page))[1],
        "word and decision": said in (decision, "uncertain"),
        "word and number": said == "uncertain" or (said == "same") == (found.probability >= 0.5),
        "colour": f'class="answer {said}"' in page,
        "place on the scale": zones[said],
        "number": low <= found.probability <= high,
        "number and ratio": np.isclose(
            found.probability, probability(log10 * np.log(10), found.prior_of_pair)
        ),
        "same above 1": decision != "same" or log10 > 0,
        "different below 1": decision != "different" or log10 < 0,
        "reason": (found.reason is not None) == (decision == "uncertain"),
        "reason in the headline": found.reason is None or lead.startswith(REASONS[found.reason]),
        "even prior": found.prior != 0.5
        or decision == "uncertain"
        or (decision == "same") == (found.probability > 0.5),
        "sentence": decision == "uncertain"
        or lead
        == (
            words.LEADS[decision]
            if (decision == "same") == (found.probability >= 0.5)
            else words.LEADS_DESPITE[decision]
        ),
        "evidence": words.EVIDENCE_NONE in page
        if log10 == 0
        else f"{found.support.capitalize()} support for “{words.VERDICTS[towards].lower()}”"
        in page,
        "support": (found.support is Strength.NONE) == (log10 == 0),
        "warned": found.warned == (words.WARNED in page),
        "search": (found.comparisons > 1) == (f"of {found.comparisons} pairs of faces" in page),
        "read out": f'data-say="{words.SAY_VERDICT.format(verdict=words.VERDICTS[said], percent=percent)}"'  # noqa: E501
        in page,
    }
    return [name for name, holds in checks.items() if not holds]


def test_word_colour_number_and_sentence_never_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "crop", lambda _: "data:")  # the same two pictures each time
    random = np.random.default_rng(20)
    counts: dict[str, int] = {}
    for _ in range(ANSWERS):
        found, rule = drawn(random)
        wrong = disagreements(found, rule, answers.verification(found, rule))
        assert wrong == [], (found, rule)
        key = found.reason or found.decision
        counts[key] = counts.get(key, 0) + 1
    assert min(counts.values()) > ANSWERS / 100 and len(counts) == 6, counts


def test_ratios_read_as_people_write_them() -> None:
    given = (0.004, 0.5, -0.996, 2.347, -3.6, 5.99, 6.5)
    said = ["1.0", "3.2", "9.9", "220", "4,000", "980,000", "over 1,000,000"]
    assert [numbers.times(log10) for log10 in given] == said
