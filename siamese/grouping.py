"""A folder of photos, sorted by person: nobody is asked about, everybody is found.

Average linkage (scikit-learn) on the product's own logits: two groups join while the mean logit of
their pairs is the highest left. Of K groups a group has at most one partner, so the odds that the
most alike of them is it are exp(logit) / K, as in a pick; the checkpoint knows what turns the mean
of many logits, which says more than one, into such a logit (`DecisionRule.joins`). Joins go on
while few enough of them are expected to be false.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic.dataclasses import dataclass as value

from siamese.answers import Answer, Origin, Unusable
from siamese.calibration import DecisionRule
from siamese.enrolment import Progress
from siamese.errors import InputError
from siamese.photos import load, photos_below, readable
from siamese.support import apart
from siamese.values import STRICT
from siamese.verifier import Verifier

FALSE_JOINS = 0.005  # expected among all joins, at most, where nothing else is asked for
SIDE = 144  # px of a small picture
SHEET = Environment(
    loader=PackageLoader("siamese"), undefined=StrictUndefined, trim_blocks=True, autoescape=True
).get_template("groups.html")
MOST = 10_000  # photos: the logits of their pairs fill a gigabyte


@value(frozen=True, slots=True, config=STRICT)
class Group:
    """Photos that show one person."""

    name: str
    photos: tuple[str, ...]
    """Paths inside the folder, the most typical one first."""
    similar_groups: tuple[str, ...]
    """Groups so alike that they may show the same person, or a close relative."""
    crowded: bool
    """Whether many people look like this one, as small children do: mistakes are likelier here."""


@value(frozen=True, slots=True, kw_only=True, config=STRICT)
class Grouping(Answer):
    """The photos of a folder by person."""

    schema_version: Literal[2] = 2
    kind: Literal["grouping"] = "grouping"
    groups: tuple[Group, ...]
    """Largest first."""
    expected_false_joins: float
    """The share of joins of two groups that are expected to have joined two people; 0 to 1."""
    threshold: float | None
    """The mean logit at which the last two groups were joined; null where none were."""
    unusable: tuple[Unusable, ...]
    checkpoint: Origin


@dataclass(frozen=True, slots=True, eq=False)
class Joins:
    """All joins of N photos, the most alike first.

    `pairs` int64 (N - 1, 2): photos are 0 to N - 1, what join k makes is N + k. `logits` (N - 1,):
    the mean logit of the pairs between both, falling.
    """

    pairs: np.ndarray
    logits: np.ndarray

    @classmethod
    def of(cls, logits: np.ndarray) -> "Joins":
        """By average linkage, from the logits (N, N) of all pairs."""
        from sklearn.cluster import AgglomerativeClustering

        if len(logits) < 2:
            return cls(np.empty((0, 2), np.int64), np.empty(0))
        top = logits.max()
        tree = AgglomerativeClustering(
            n_clusters=None, distance_threshold=0.0, metric="precomputed", linkage="average"
        ).fit(top - logits)
        return cls(tree.children_, top - tree.distances_)

    @property
    def groups(self) -> np.ndarray:
        """How many groups there are before each join: (N - 1,)."""
        return np.arange(len(self.pairs) + 1, 1, -1)

    def expected_false(self, rule: DecisionRule) -> np.ndarray:
        """The share of the first 1, 2, ... joins that is expected to be false: (N - 1,)."""
        scale, offset = rule.joins
        false = 1 / (1 + np.exp(np.minimum(scale * self.logits + offset, 500)) / self.groups)
        return np.cumsum(false) / np.arange(1, len(self.pairs) + 1)

    def within(self, false_joins: float, rule: DecisionRule) -> int:
        """How many joins, at most that share of which is expected to be false."""
        expected = np.maximum.accumulate(self.expected_false(rule))
        return int(np.count_nonzero(expected <= false_joins))

    def labels(self, joins: int) -> np.ndarray:
        """The number of each photo's group after so many joins: int64 (N,), from 0."""
        count = len(self.pairs) + 1
        members = {photo: [photo] for photo in range(count)}
        for number, (a, b) in enumerate(self.pairs[:joins].tolist()):
            members[count + number] = members.pop(a) + members.pop(b)
        found = np.empty(count, np.int64)
        for number, photos in enumerate(members.values()):
            found[photos] = number
        return found


def group(
    folder: Path,
    verifier: Verifier,
    false_joins: float = FALSE_JOINS,
    progress: Progress | None = None,
) -> Grouping:
    """Sort the photos below a folder by the most prominent person in each; nothing is moved.

    `false_joins` is the share of joins that may be expected to be false, in (0, 1). Photos without
    a usable face are left out and reported. Raises InputError where there are none or too many.
    """
    if not 0 < false_joins < 1:
        raise InputError(f"The share of false joins must lie between 0 and 1; it is {false_joins}.")
    named = _photos_in(folder)
    if len(named) > MOST:
        raise InputError(f"{folder} holds {len(named):,} photos; group at most {MOST:,} at a time.")
    gallery, unusable = verifier.gallery(named, progress)
    vectors, head = gallery.means()[0], verifier.head
    logits = head.of_all(vectors)
    joins = Joins.of(logits)
    count = joins.within(false_joins, verifier.rule)
    return Grouping(
        groups=_groups(list(gallery.photos), logits, joins.labels(count), head.crowded(vectors)),
        expected_false_joins=float(joins.expected_false(verifier.rule)[count - 1])
        if count
        else 0.0,
        threshold=float(joins.logits[count - 1]) if count else None,
        unusable=unusable,
        checkpoint=verifier.origin,
    )


def _groups(
    names: Sequence[str], logits: np.ndarray, labels: np.ndarray, crowded: np.ndarray
) -> tuple[Group, ...]:
    """The groups, largest first, each with those that it is not far from."""
    sizes = np.bincount(labels)
    places = np.argsort(np.argsort(-sizes, kind="stable"))[labels]  # of each photo's group
    order = np.argsort(places, kind="stable")
    counts = np.sort(sizes)[::-1]
    starts = np.cumsum(counts) - counts
    rows = np.add.reduceat(logits[order][:, order], starts, axis=0)
    means = np.add.reduceat(rows, starts, axis=1) / np.outer(counts, counts)
    return tuple(
        Group(
            f"person {number + 1}",
            tuple(names[k] for k in own[np.argsort(-logits[np.ix_(own, own)].sum(1))]),
            tuple(
                f"person {other + 1}"
                for other in np.flatnonzero(means[number] > 0)
                if other != number
            ),
            bool(crowded[own].mean() > 0.5),
        )
        for number, own in enumerate(np.split(order, starts[1:]))
    )


def contact_sheet(grouping: Grouping, folder: Path) -> str:
    """One page of HTML with small pictures of all photos in it, group by group."""
    paths = _photos_in(folder)
    return SHEET.render(grouping=grouping, thumbnail=lambda name: _thumbnail(paths[name]))


def _photos_in(folder: Path) -> dict[str, Path]:
    """The photos below a folder by their readable names; InputError where there are none."""
    named: dict[str, Path] = {}
    for path in photos_below(folder) if folder.is_dir() else []:
        named[apart(readable(path.relative_to(folder).as_posix()), named)] = path
    if not named:
        raise InputError(f"{folder} is no folder of photos; please name one.")
    return named


def _thumbnail(path: Path) -> str:
    """A photo, small, as a data URL."""
    small, file = load(path).at(1.0).copy(), io.BytesIO()
    small.thumbnail((SIDE, SIDE))
    small.convert("RGB").save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
