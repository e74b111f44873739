"""Which pictures make up which batch: a pure function of (seed, step), so a run can be resumed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from siamese.data import people
from siamese.data.people import Picture

MOST = 20  # pictures of a person that raise the chance of being drawn


class ShuffledBatches:
    """Every picture as often per epoch as `emphasis` (N,) says, in an order that the seed fixes.

    Of pictures with an emphasis of 1.5, half come once and half twice.
    """

    def __init__(self, emphasis: np.ndarray, batch_size: int, seed: int) -> None:
        whole, rest = np.divmod(emphasis, 1)
        more = np.random.default_rng([seed]).random(len(emphasis)) < rest
        self.rows = np.repeat(np.arange(len(emphasis)), whole.astype(np.int64) + more)
        self.batch_size, self.seed = min(batch_size, len(self.rows)), seed

    def __getitem__(self, step: int) -> np.ndarray:
        """Indices of batch number `step`: int64 (batch_size,)."""
        epoch, position = divmod(step, len(self.rows) // self.batch_size)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        return order[position * self.batch_size : (position + 1) * self.batch_size]


class RelatedBatches:
    """Batches of people with several pictures each, relatives and look-alikes together.

    A batch is made of groups of `group` people: a random one, then up to `kin` members of the same
    family, then people of the twenty nearest to the first by `centroids` (any, where there are
    none) until the group is full; `per_person` pictures of each. Where `nameless` pictures follow
    the named ones, random ones of them fill a quarter of the batch, or what whole groups leave.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        centroids: np.ndarray | None,
        batch_size: int,
        seed: int,
        per_person: int = 4,
        group: int = 4,
        kin: int = 2,
        family: Callable[[str], str] = people.family,
        nameless: int = 0,
        emphasis: Mapping[str, float] | None = None,
    ) -> None:
        by_person: dict[str, list[int]] = defaultdict(list)
        for index, picture in enumerate(pictures):
            by_person[picture.identity].append(index)
        self.people = [np.array(rows) for rows in by_person.values()]
        weights = [
            min(len(rows), MOST) * (emphasis or {}).get(Path(pictures[rows[0]].source).name, 1.0)
            for rows in self.people
        ]
        self.chances = np.array(weights) / sum(weights)
        self.seed, self.per_person, self.group, self.kin = seed, per_person, group, kin
        self.named, self.nameless = len(pictures), nameless
        size = group * per_person
        self.groups = max(1, (batch_size - min(batch_size // 4, nameless)) // size)
        self.extra = min(nameless, max(0, batch_size - self.groups * size))
        relatives: dict[str, list[int]] = defaultdict(list)
        for person, identity in enumerate(by_person):
            relatives[family(identity)].append(person)
        self.relatives = [
            np.array([other for other in relatives[family(identity)] if other != person], np.int64)
            for person, identity in enumerate(by_person)
        ]
        self.nearest = None if centroids is None else nearest_people(centroids, 20)

    def __getitem__(self, step: int) -> np.ndarray:
        """Indices of batch number `step`: int64 (groups * group * per_person + extra,)."""
        random = np.random.default_rng([self.seed, step])
        chosen: list[int] = []
        for first in random.choice(len(self.people), self.groups, replace=False, p=self.chances):
            chosen.extend(self._group(int(first), random))
        rows = [
            random.choice(
                self.people[p], self.per_person, replace=len(self.people[p]) < self.per_person
            )
            for p in chosen
        ]
        rows.append(self.named + random.choice(self.nameless, self.extra, replace=False))
        return np.concatenate(rows)

    def _group(self, first: int, random: np.random.Generator) -> Iterator[int]:
        kin = random.permutation(self.relatives[first])[: self.kin]
        others = len(self.people) if self.nearest is None else self.nearest[first]
        enough = random.permutation(others)[: self.group + self.kin + 1]
        near = [p for p in enough if p not in kin and p != first]
        yield from [first, *kin.tolist(), *near][: self.group]


def centroids_of(pictures: Sequence[Picture], embeddings: np.ndarray) -> np.ndarray:
    """Mean embedding of each person, float32 (people, D), in order of first appearance."""
    owner = people.numbers([picture.identity for picture in pictures])
    sums = np.zeros((owner.max() + 1, embeddings.shape[1]), np.float32)
    np.add.at(sums, owner, embeddings.astype(np.float32))
    return sums / np.bincount(owner)[:, None]


def nearest_people(centroids: np.ndarray, count: int) -> np.ndarray:
    """The `count` nearest others of each centroid by cosine: int64 (people, <= count)."""
    unit = centroids / np.linalg.norm(centroids, axis=1, keepdims=True).clip(1e-9)
    count = min(count, len(unit) - 1)
    nearest = np.empty((len(unit), count), np.int64)
    for start in range(0, len(unit), 1024):
        similarity = unit[start : start + 1024] @ unit.T
        rows = np.arange(len(similarity))
        similarity[rows, start + rows] = -np.inf
        nearest[start : start + 1024] = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    return nearest
