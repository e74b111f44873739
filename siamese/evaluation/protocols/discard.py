"""Which property of a photo tells how much it says of a face? Error versus discard.

Photos of validation people, every second one spoiled until the product warns of it. Those that a
property calls the worst are set aside, and the genuine pairs that are left are counted: the better
the property, the faster the false non-match rate falls (Grother and Tabassi 2007, "Performance of
biometric quality measures", section 4). A pair is as good as the worse of its photos.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from siamese.calibration import CAREFUL
from siamese.data.pairs import genuine_pairs
from siamese.data.people import Part
from siamese.data.split import calibration_pictures
from siamese.data.spoiling import spoiled, warned_of
from siamese.evaluation import metrics, plots
from siamese.evaluation.bench import Bench, embed_pixels
from siamese.evaluation.protocol import Protocol
from siamese.faces import quality

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # of the pairs, set aside

# Of the usual part of a crop; the more, the better.
OF_CROPS: dict[str, Callable[[np.ndarray], float]] = {
    "sharpness": quality.sharpness,
    "detail of eyes and mouth": quality.detail,
    "light on the eyes": quality.eyes_light,
}


def run(bench: Bench) -> dict[str, Any]:
    """The curve of each property, and what could be reached by knowing the errors."""
    point, window = bench.rule.point(CAREFUL), bench.checkpoint.config.window
    people = bench.read(calibration_pictures(bench.sources(), Part.VALIDATION))
    crops = people.crops(bench.checkpoint.config.network.image_size)
    names = [picture.name for picture in people.pictures]
    warned = warned_of(crops, names, window)
    left = warned | (np.arange(len(crops)) % 2 == 0)
    crops = spoiled(crops, names, left, window)
    plain = bench.checkpoint.network.with_mirror(False)
    seen, mirrored = (embed_pixels(plain, each) for each in (crops, crops[:, :, ::-1].copy()))
    both = (seen + mirrored) / 2
    properties = {
        "no warning": (left & ~warned).astype(float),
        "likeness to its mirror image": bench.compare(seen, mirrored),
        "distance from the cohort": bench.compare.isolation(both),
        **{
            name: np.array([measure(quality.usual_part(crop, window)) for crop in crops])
            for name, measure in OF_CROPS.items()
        },
    }
    pairs = genuine_pairs(people, np.random.default_rng(0))
    missed = bench.compare.of_rows(pairs, both) < point.threshold
    curves = {name: curve(of[pairs].min(1), missed) for name, of in properties.items()}
    curves["the errors themselves"] = curve(-missed.astype(float), missed)
    plots.draw_discard(bench.out, SHARES, curves)
    return {
        "operating_point": point.name,
        "people": len(set(people.identities)),
        "pairs": len(pairs),
        "fnmr": metrics.rate(int(missed.sum()), len(missed)).to_dict(),
        "discarded": list(SHARES),
        "curves": curves,
    }


def curve(goodness: np.ndarray, missed: np.ndarray) -> list[float]:
    """FNMR of what is left once each of `SHARES` of the pairs is set aside, the worst first.

    `goodness` float (N,) and `missed` bool (N,) are of genuine pairs. Of pairs that are equally
    good, any may be set aside: the rate is the expected one.
    """
    worst = np.argsort(goodness, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(goodness[worst])) + 1, len(missed))
    errors = np.concatenate([[0], np.cumsum(missed[worst])[ends - 1]])
    gone = np.array(SHARES) * len(missed)
    left = errors[-1] - np.interp(gone, np.concatenate([[0], ends]), errors)
    return (left / (len(missed) - gone)).tolist()


PROTOCOLS = (Protocol("discard", run, sources=True),)
