"""Held-out people under one condition at a time: turned heads, relatives, children, worse photos.

Recipes are chosen by these figures, never by LFW; a training's log has them too. Names of pictures
tell what they show; a source whose names tell nothing adds nothing:

    PERSON/0101_frontal.webp, _profile, _yaw45, _yawxx   the head's yaw in degrees, or unknown
    FAMILY_MID1/1.webp                                   a member of a family
    aaf/00123_age04.webp                                 an age in years
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from siamese.checkpoint import CheckpointConfig
from siamese.data import people
from siamese.data.collection import Collection
from siamese.data.people import Part, Picture, yaw_of
from siamese.data.split import Split, split_of
from siamese.data.spoiling import USUAL, blurred, lenses, relit, smaller
from siamese.errors import InputError
from siamese.evaluation import metrics, plots
from siamese.evaluation.bench import Bench, embed_pixels
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol
from siamese.evaluation.protocols.audit import named_files
from siamese.evaluation.protocols.identification import first_of_family
from siamese.network import Siamese

MOST = 1500  # pictures of people in general; of each condition
MOST_EACH = 600
SPOILED = 4  # every fourth picture of people in general is spoiled, in each way
ANGLES = (0, 15, 30, 45, 60, 75, 90)  # degrees, each with what is nearest to it
CHILD = 12  # years, and younger
AGED = re.compile(r"_age(\d+)\.\w+$")

Window = tuple[float, float, float, float]
Spoil = Callable[[np.ndarray, Window], np.ndarray]


def age_of(name: str) -> int | None:
    """The age that a picture's name tells; None where it tells none."""
    found = AGED.search(name)
    return int(found[1]) if found else None


def sunglasses(crop: np.ndarray, window: Window) -> np.ndarray:
    """Two dark lenses over the eyes of a crop that shows this window of the template."""
    return np.where(lenses(crop, window)[..., None], np.uint8(15), crop)


# Lengths are in px of a face that is 112 px wide, of which 96 are the usual part.
SPOILS: dict[str, Spoil] = {
    "blur": lambda crop, window: blurred(crop, 200 / USUAL.size, window).crop,  # 2 px
    "small": lambda crop, window: smaller(crop, 24 / 112 * USUAL.size, window).crop,  # 24 px
    "dark": lambda crop, window: relit(crop, 0.25, window).crop,
    "sunglasses": sunglasses,
}


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCrops:
    """Pictures with numbers for who they show, whose relatives these are and where from: (N,)."""

    crops: np.ndarray  # uint8 (N, S, S, C)
    people: np.ndarray
    families: np.ndarray
    collections: np.ndarray

    @classmethod
    def of(
        cls, pictures: Sequence[Picture], config: CheckpointConfig, split: Split, cache: Path
    ) -> "LabelledCrops":
        """The canonical crops of stored pictures, and what is known of them."""
        return cls(
            _crops(pictures, config, cache),
            people.numbers([picture.identity for picture in pictures]),
            people.numbers([split.family(picture.identity) for picture in pictures]),
            people.numbers([_collection(picture, split) for picture in pictures]),
        )

    def some(self, rows: np.ndarray) -> "LabelledCrops":
        """Those of these row numbers."""
        return LabelledCrops(*(getattr(self, name)[rows] for name in self.__slots__))

    def pairs(self, other: "LabelledCrops", related: bool) -> tuple[np.ndarray, np.ndarray]:
        """Which pairs are genuine and which impostors of one collection: bool (N, M), (N, M).

        Impostors are of one family where they are to be `related`, else of two.
        """
        genuine = self.people[:, None] == other.people
        near = self.collections[:, None] == other.collections
        kin = self.families[:, None] == other.families
        return genuine, near & ~genuine & (kin == related)


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """The pictures of all conditions; those that there are none of are empty or missing."""

    main: LabelledCrops  # people in general
    within: bool  # whether their impostors are of one family: characters of one alphabet
    window: Window | None  # of aligned faces, which can be spoiled
    relatives: LabelledCrops | None = None
    turned: LabelledCrops | None = None
    yaws: np.ndarray | None = None  # of the turned, degrees, NaN where nobody knows: (N,)
    children: np.ndarray | None = None  # crops, uint8 (N, S, S, C)

    @classmethod
    def load(
        cls,
        data: Sequence[Path],
        unlabelled: Sequence[Path],
        config: CheckpointConfig,
        split: Split,
        cache: Path,
    ) -> "Conditions | None":
        """Validation people of `data` and children of `unlabelled`; None with too few people.

        The children are no held-out people: without a name, all of them may have been trained on.
        """
        found = [p for source in data for p in people.list_pictures(source)]
        held_out = split.of(found, Part.VALIDATION)
        counts = Counter(picture.identity for picture in held_out)
        held_out = [picture for picture in held_out if counts[picture.identity] > 1]
        general = [p for p in held_out if yaw_of(p.name) is None]
        unit = people.family if not split.impostors_within else str
        main = _some(general, MOST, lambda picture: unit(picture.identity))
        if len({picture.identity for picture in main}) < 2:
            return None

        def shown(pictures: Sequence[Picture]) -> LabelledCrops | None:
            return LabelledCrops.of(pictures, config, split, cache) if pictures else None

        if split.impostors_within:
            return cls(LabelledCrops.of(main, config, split, cache), True, None)
        members = Counter(people.family(who) for who in {p.identity for p in general})
        kin = [p for p in general if members[people.family(p.identity)] > 1]
        turned = [p for p in held_out if yaw_of(p.name) is not None]
        loose = [p for source in unlabelled for p in people.list_pictures(source, labelled=False)]
        young = [p for p in loose if (age := age_of(p.name)) is not None and age <= CHILD]
        children = _some(young, MOST_EACH, lambda p: p.name)
        return cls(
            LabelledCrops.of(main, config, split, cache),
            False,
            config.window if config.detector != "none" else None,
            shown(_some(kin, MOST_EACH, lambda p: people.family(p.identity))),
            shown(turned),
            np.array([yaw_of(picture.name) for picture in turned], np.float64),
            _crops(children, config, cache) if children else None,
        )

    def measure(self, network: Siamese) -> dict[str, Any]:
        """What `metrics.curve_report` says of people in general, and of each condition."""
        compare = Comparison.of(network)
        vectors = embed_pixels(network, self.main.crops)
        logits = compare.matrix(vectors, vectors)
        genuine, impostor = self.main.pairs(self.main, self.within)
        scores = Scores(logits[_once(genuine)], logits[_once(impostor)])
        report: dict[str, Any] = {
            "people": len(set(self.main.people.tolist())),
            "pictures": len(vectors),
            "general": metrics.curve_report(scores),
        }
        if self.relatives is not None:
            report |= _reported("relatives", *_within(self.relatives, True, network))
        if self.turned is not None and self.yaws is not None:
            report["yaw"] = _by_yaw(self.turned, self.yaws, network)
        if self.window is not None:
            report["spoiled"] = self._spoiled(self.window, vectors, network)
        if self.children is not None:
            vectors = embed_pixels(network, self.children)
            found = compare.matrix(vectors, vectors)[np.triu_indices(len(vectors), 1)]
            threshold = metrics.tar_at_far(scores, 0.01).threshold
            hits = int(np.count_nonzero(found >= threshold))
            report["children"] = metrics.rate(hits, len(found)).to_dict()
        return report

    def log_row(self, network: Siamese) -> dict[str, float]:
        """The columns of a training's log; for alphabets also how often one picture suffices.

        Pictures are embedded alone, as in training: half the time.
        """
        plain = network.with_mirror(False)
        found = columns(self.measure(plain))
        if self.within:
            shown, vectors = self.main, embed_pixels(plain, self.main.crops)
            logits = Comparison.of(plain).matrix(vectors, vectors)
            first = first_of_family(logits, shown.people, shown.families)
            found["validation_one_shot"] = float(np.mean(first))
        return found

    def _spoiled(self, window: Window, vectors: np.ndarray, network: Siamese) -> dict[str, Any]:
        """Some crops untouched, then spoiled in each way, against all untouched ones."""
        rows = np.arange(0, len(vectors), SPOILED)
        some = self.main.some(rows)
        genuine, impostor = some.pairs(self.main, self.within)
        genuine[np.arange(len(rows)), rows] = False  # a picture and its own spoiled copy
        report: dict[str, Any] = {}
        ways: Mapping[str, Spoil] = {"untouched": lambda crop, _: crop, **SPOILS}
        for name, spoil in ways.items():
            worse = np.stack([spoil(crop, window) for crop in some.crops])
            logits = Comparison.of(network).matrix(embed_pixels(network, worse), vectors)
            report |= _reported(name, logits, genuine, impostor)
        return report


def run(bench: Bench) -> dict[str, Any]:
    """All conditions that the sources at hand allow, and a plot of accuracy over yaw."""
    config, sources = bench.checkpoint.config, bench.sources()
    known = {source.name for source in sources}
    loose = [bench.data / name for name in named_files(config) if name not in known]
    loose = [path for path in loose if path.suffix == ".zip" and path.exists()]
    conditions = Conditions.load(sources, loose, config, split_of(config), bench.cache)
    if conditions is None:
        raise InputError("There are too few validation people in the sources of this checkpoint.")
    report = conditions.measure(bench.checkpoint.network)
    if len(report.get("yaw", {})) > 1:
        plots.draw_yaw(bench.out, report["yaw"])
    return report


def columns(report: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a report that a log has room for, by the names of its columns."""
    found = {
        "eer": report["general"]["eer"],
        "tar_1": report["general"]["tar_at_far_1"]["value"],
        "tar_0_1": report["general"]["tar_at_far_0_1"]["value"],
    }
    if "relatives" in report:
        found["relatives_eer"] = report["relatives"]["eer"]
    for angle in ("0", "45", "90"):
        if angle in report.get("yaw", {}):
            found[f"yaw_{angle}_eer"] = report["yaw"][angle]["eer"]
    for name in SPOILS:
        if name in report.get("spoiled", {}):
            found[f"{name}_tar_1"] = report["spoiled"][name]["tar_at_far_1"]["value"]
    if "children" in report:
        found["children_fmr"] = report["children"]["value"]
    return {f"validation_{name}": value for name, value in found.items()}


def _by_yaw(turned: LabelledCrops, yaws: np.ndarray, network: Siamese) -> dict[str, Any]:
    """Frontal pictures against those of each angle that there are, by the angle in degrees."""
    logits, genuine, impostor = _within(turned, False, network)
    frontal = _nearest(yaws) == 0
    report: dict[str, Any] = {}
    for angle in ANGLES:
        shown = frontal[:, None] & (_nearest(yaws) == angle)
        report |= _reported(str(angle), logits, genuine & shown, impostor & shown)
    return report


def _nearest(yaws: np.ndarray) -> np.ndarray:
    """The one of `ANGLES` that is nearest to each; -1 where nobody knows."""
    known = np.nan_to_num(yaws, nan=-90.0)
    angles = np.array(ANGLES)
    return np.where(known < 0, -1, angles[np.abs(known[:, None] - angles).argmin(axis=1)])


def _within(
    shown: LabelledCrops, related: bool, network: Siamese
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits of all pairs of some pictures, and which are genuine and impostors, each once."""
    vectors = embed_pixels(network, shown.crops)
    genuine, impostor = shown.pairs(shown, related)
    return Comparison.of(network).matrix(vectors, vectors), _once(genuine), _once(impostor)


def _once(pairs: np.ndarray) -> np.ndarray:
    return np.triu(pairs, 1)


def _reported(
    name: str, logits: np.ndarray, genuine: np.ndarray, impostor: np.ndarray
) -> dict[str, Any]:
    """The report of these pairs under that name; nothing where a kind of pair is missing."""
    if not (genuine.any() and impostor.any()):
        return {}
    return {name: metrics.curve_report(Scores(logits[genuine], logits[impostor]))}


def _collection(picture: Picture, split: Split) -> str:
    """Where a picture's impostors come from; turned heads are from several laboratories."""
    if yaw_of(picture.name) is not None:
        return f"{picture.source} {picture.identity.partition('_')[0]}"
    return split.collection(picture)


def _some(pictures: Sequence[Picture], most: int, unit: Callable[[Picture], str]) -> list[Picture]:
    """About `most` pictures, or fewer: whole units, which are people or families."""
    units = list(dict.fromkeys(unit(picture) for picture in pictures))
    keep = set(units[:: max(1, -(-len(pictures) // most))])
    return [picture for picture in pictures if unit(picture) in keep]


def _crops(pictures: Sequence[Picture], config: CheckpointConfig, cache: Path) -> np.ndarray:
    """Stored pictures at the canonical crop, as the product would cut them."""
    return Collection.read(pictures, config, cache).crops(config.network.image_size)


PROTOCOLS = (Protocol("conditions", run, sources=True),)
