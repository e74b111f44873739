"""What a worse photo costs: crops of people, spoiled step by step in one way at a time.

The second crop of each pair is spoiled, the first is left as it is; errors are counted at a fixed
threshold. The limits in `quality` were read off these figures, made with validation people. Beside
each step stands how many of the crops the product would warn of.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from siamese.calibration import CAREFUL
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.data.people import Part, family
from siamese.data.split import calibration_pictures
from siamese.evaluation import metrics
from siamese.evaluation.bench import Bench
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol
from siamese.faces import quality
from siamese.faces.alignment import Alignment
from siamese.faces.detector import Face
from siamese.faces.quality import Flag

SPOILED = 600  # pairs of validation people


HARM = 1.5  # a step does harm where FNMR is this many times that of untouched crops


@dataclass(frozen=True, slots=True)
class Seen:
    """What of a spoiled photo the product sees: the crop, and how it lay in the photo.

    `width` is that of the face in the photo, px; `right` and `below` are the shares of the crop
    that lie beyond the photo's right and lower edge.
    """

    crop: np.ndarray
    width: float = 96
    right: float = 0
    below: float = 0

    def flags(self) -> set[Flag]:
        """What the product warns of."""
        scale = self.width / Alignment().size
        points = [(z.real * scale, z.imag * scale) for z in Alignment().target.tolist()]
        size = round(self.width * (1 - self.right)), round(self.width * (1 - self.below))
        face = Face((0, 0, *size), tuple(points), 1.0, self.crop)
        return {warning.code for warning in quality.warnings_for(face, 1, size)}


Spoil = Callable[[np.ndarray, float], Seen]  # crop, uint8 (S, S, C), and step


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way of spoiling a crop, its steps from mild to strong, and the warnings it calls for."""

    spoil: Spoil
    steps: tuple[float, ...]
    flags: tuple[Flag, ...]


def smaller(crop: np.ndarray, width: float) -> Seen:
    """As if the face had been this many px wide in the photo."""
    image, side = Image.fromarray(crop), round(width)
    small = image.resize((side, side), Image.Resampling.HAMMING)
    return Seen(np.asarray(small.resize(image.size, Image.Resampling.BICUBIC)), width)


def blurred(crop: np.ndarray, sigma: float) -> Seen:
    """Gaussian blur, in hundredths of the crop's side."""
    radius = sigma * crop.shape[0] / 100
    return Seen(np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(radius))))


def relit(crop: np.ndarray, gain: float) -> Seen:
    """Light times `gain`: what is lost in the dark or beyond white stays lost."""
    return Seen(np.clip(np.rint(crop * float(gain)), 0, 255).astype(np.uint8))


def covered(crop: np.ndarray, top: float, bottom: float) -> Seen:
    """Behind something plain between these shares of the height, as a mask, glasses or a hand."""
    hidden = crop.copy()
    hidden[round(len(crop) * top) : round(len(crop) * bottom)] = _plain(crop)
    return Seen(hidden)


def cut_off(crop: np.ndarray, share: float, axis: int) -> Seen:
    """The photo ends before the lower (0) or right edge (1), and is continued as by `alignment`."""
    kept = np.minimum(np.arange(len(crop)), round(len(crop) * (1 - share)) - 1)
    beyond = {"right" if axis else "below": share}
    return Seen(np.take(crop, kept, axis), **beyond)


EYES = 0.33  # where the eyes are in the crop
# Small faces and blur look the same in a crop: either warning will do.
SOFT = (Flag.SMALL_FACE, Flag.BLURRED)
DEGRADATIONS: dict[str, Degradation] = {
    "face smaller: px wide": Degradation(smaller, (48, 40, 32, 28, 24, 20, 16), SOFT),
    "blur: hundredths of the face": Degradation(blurred, (1, 1.5, 2, 2.5, 3, 4), SOFT),
    "darker: light times": Degradation(relit, (0.5, 0.25, 0.2, 0.15, 0.1, 0.05), (Flag.TOO_DARK,)),
    "brighter: light times": Degradation(relit, (1.5, 1.75, 2, 2.5, 3), (Flag.TOO_BRIGHT,)),
    "covered from below: share": Degradation(
        lambda crop, share: covered(crop, 1 - share, 1), (0.15, 0.25, 0.35, 0.5), (Flag.COVERED,)
    ),
    "bar over the eyes: share": Degradation(
        lambda crop, share: covered(crop, EYES - share / 2, EYES + share / 2),
        (0.1, 0.15, 0.2, 0.3),
        (Flag.COVERED,),
    ),
    "cut off below: share": Degradation(
        lambda crop, share: cut_off(crop, share, 0), (0.1, 0.2, 0.3, 0.4), (Flag.CUT_OFF,)
    ),
    "cut off beside: share": Degradation(
        lambda crop, share: cut_off(crop, share, 1), (0.1, 0.2, 0.3, 0.4), (Flag.CUT_OFF,)
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Crops of people, uint8 (N, S, S, C), and genuine pairs of their rows, int (G, 2).

    `embed` turns crops into (N, D); a pair is accepted at or above `threshold`.
    """

    crops: np.ndarray
    people: Collection
    pairs: np.ndarray
    embed: Callable[[np.ndarray], np.ndarray]
    compare: Comparison
    threshold: float

    def report(self) -> dict[str, Any]:
        """Every degradation, step by step, and what untouched crops give."""
        first = self.embed(self.crops)
        spoilt = np.unique(self.pairs[:, 1])
        whole = [Seen(self.crops[row]) for row in spoilt]
        untouched = self.row(first, whole, tuple(Flag))
        ways = {
            name: self._steps(first, spoilt, way, untouched["fnmr"]["value"])
            for name, way in DEGRADATIONS.items()
        }
        return {
            "people": len(set(self.people.identities)),
            "pairs": len(self.pairs),
            "harm": HARM,
            "untouched": untouched,
            "degradations": ways,
        }

    def _steps(
        self, first: np.ndarray, spoilt: np.ndarray, way: Degradation, untouched: float
    ) -> dict[str, Any]:
        rows = []
        for step in way.steps:
            seen = [way.spoil(self.crops[row], step) for row in spoilt]
            rows.append({"step": step, **self.row(first, seen, way.flags)})
        harmful = [row["step"] for row in rows if harms(row["fnmr"]["value"], untouched)]
        return {
            "flags": [flag.value for flag in way.flags],
            "first_harmful_step": harmful[0] if harmful else None,
            "steps": rows,
        }

    def row(self, first: np.ndarray, seen: list[Seen], flags: tuple[Flag, ...]) -> dict[str, Any]:
        """Errors of the untouched crops, embedded as `first` (N, D), against the second ones.

        `seen` are the second crops of the pairs, each once, in the order of their row numbers; an
        alarm is one of `flags`.
        """
        second = self.embed(np.stack([one.crop for one in seen]))
        rows, place = np.unique(self.pairs[:, 1], return_inverse=True)
        # As in `pairs.draw_pairs`: of another family, and of one collection.
        families = np.array([family(name) for name in self.people.identities])
        sources = self.people.source_numbers
        strangers = (families[:, None] != families[rows]) & (sources[:, None] == sources[rows])
        scores = Scores(
            self.compare(first[self.pairs[:, 0]], second[place]),
            self.compare.matrix(first, second)[strangers],
        )
        return {
            "fnmr": metrics.false_non_match_rate(scores.genuine, self.threshold).to_dict(),
            "fmr": float(np.mean(scores.impostor >= self.threshold)),
            "eer": metrics.equal_error_rate(scores),
            "warned": sum(bool(one.flags() & set(flags)) for one in seen) / len(seen),
        }


def harms(fnmr: float, ordinary: float) -> bool:
    """Is this error rate so far above the ordinary one that a warning is due?"""
    return fnmr > ordinary and fnmr >= HARM * ordinary


def _plain(crop: np.ndarray) -> np.ndarray:
    """Black, white, or the crop's mean; its content decides, so each covers a third of them."""
    mean = crop.mean((0, 1))
    return np.array([0 * mean, 0 * mean + 255, mean][int(crop.sum(dtype=np.int64)) % 3])


def run(bench: Bench) -> dict[str, Any]:
    """Crops of validation people spoiled step by step: what it costs, and what is warned of."""
    point = bench.rule.point(CAREFUL)
    found = calibration_pictures(bench.sources(), Part.VALIDATION)
    families = Counter(source for source, _ in {(p.source, family(p.identity)) for p in found})
    pictures = [p for p in found if families[p.source] > 1]  # others have no impostor pairs
    pairs = draw_pairs(Collection(tuple(pictures))).genuine
    chosen = np.random.default_rng(0).permutation(pairs)[:SPOILED]
    rows, places = np.unique(chosen, return_inverse=True)
    kept = bench.read([pictures[row] for row in rows])
    trial = Trial(
        kept.crops(bench.checkpoint.config.network.image_size),
        kept,
        places.reshape(chosen.shape),
        bench.embed,
        bench.compare,
        point.threshold,
    )
    return {"operating_point": point.name, **trial.report()}


PROTOCOLS = (Protocol("worse_photos", run, sources=True),)
