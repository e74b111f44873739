"""Enrolling people: photos become a gallery, and the network has a say in who is who.

What somebody told of a photo stands; the names of files are believed until the network contradicts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch

from siamese.answers import Doubtful, Proposals, Unusable
from siamese.calibration import DecisionRule
from siamese.errors import InputError
from siamese.faces.quality import QualityWarning
from siamese.identities import groups, photos_of
from siamese.network import Head
from siamese.photos import file_name
from siamese.support import Gallery, Listed, OnePerson, Support, apart, read_support, sha256_of

BATCH = 32  # photos in memory at a time
MOST_PROPOSED = 200  # photos of a gallery that are compared each with each
TOLD = 1e6  # the logit of two photos that somebody says are one person's

Progress = Callable[[int, int], None]  # photos done, photos in all
Batch = Sequence[Listed]


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The embedding (D,) of a photo's face, its warnings, and whether it tells little.

    Of a photo that is not read again, there are no warnings.
    """

    vector: np.ndarray
    warnings: tuple[QualityWarning, ...]
    tells_little: bool


Embed = Callable[[Batch], list[Embedded | Unusable]]  # of each photo, or why there is nothing


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """The people to choose from, and what is to be said of their photos."""

    gallery: Gallery
    unusable: tuple[Unusable, ...] = ()
    doubtful: tuple[Doubtful, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """How people are enrolled whose embeddings the weights of this hash make.

    `embed` makes them of a batch of photos; `head` and `rule` tell who is who among them.
    """

    embed: Embed
    head: Head
    rule: DecisionRule
    sha256: str

    def enrol(
        self,
        support: Support,
        progress: Progress | None,
        before: Gallery | None = None,
        processes: int = 1,
    ) -> Enrolled:
        """Embed a support set and name its people.

        Of a gallery made `before` by the same weights, the embeddings of files that are as they
        were are taken over. `processes` embed at a time, each with a copy of the network.

        Raises InputError where not one photo could be used.
        """
        photos = read_support(support)
        hashes = [sha256_of(photo.photo) for photo in photos]
        same = before is not None and before.sha256 == self.sha256
        known = before.known_photos() if before is not None and same else {}
        seen = {sha: Embedded(row, (), little) for (_, sha), (row, little) in known.items()}
        found: list[Embedded | Unusable | None] = [seen.get(sha) for sha in hashes]
        fresh = [row for row, embedded in enumerate(found) if embedded is None]
        batches = [fresh[start : start + BATCH] for start in range(0, len(fresh), BATCH)]
        done = len(photos) - len(fresh)
        with _embedders(self.embed, processes) as embed:
            for rows, made in zip(
                batches, embed([photos[row] for row in rows] for rows in batches), strict=True
            ):
                for row, embedded in zip(rows, made, strict=True):
                    found[row] = embedded
                done += len(rows)
                if progress:
                    progress(done, len(photos))
        return self._of(photos, hashes, found)

    def names(self, photos: Sequence[Listed], embeddings: np.ndarray) -> list[str]:
        """Who each photo shows: whom its name says, unless the network says they are several.

        `embeddings` (N, D) are those of the photos. Only names that nobody told are put right.
        """
        names = [photo.identity for photo in photos]
        for identity, rows in photos_of(names).items():
            told = np.array([not photos[row].alone for row in rows])
            if told.all():
                continue
            if len(rows) == 1:
                names[rows[0]] = photos[rows[0]].alone
                continue
            if len(rows) > MOST_PROPOSED:  # files that a camera numbered
                parts = [np.array([row]) for row in range(len(rows))]
            else:
                logits = self._matrix(embeddings[rows])
                logits[np.ix_(told, told)] = TOLD
                # As careful as a search through all these pairs: names of cameras tell nobody.
                parts = [np.array(part) for part in groups(logits, self._limit(len(rows)))]
            if len(parts) == 1:
                continue
            taken = set(names) - ({identity} if not told.any() else set())
            for part in parts:
                if not told[part].any():
                    taken.add(name := apart(photos[rows[part[0]]].alone, taken))
                    for row in rows[part]:
                        names[row] = name
        return names

    def proposals(self, gallery: Gallery) -> Proposals:
        """Which people of a gallery seem to be one, and which to be several.

        People are one where their photos are so alike on average that two photos, the most alike
        of so many pairs of people, would be called the same at the default operating point; and
        several where they are less alike than at a likelihood ratio of 1; photos that tell little
        count as others do. Nothing for more than `MOST_PROPOSED` photos.
        """
        names, counts = list(gallery.photos), gallery.means()[1]
        if counts.sum() > MOST_PROPOSED:
            return Proposals()
        logits = self._matrix(np.concatenate([*gallery.photos.values()]))
        ends = np.cumsum(counts).tolist()
        people = [[*range(end - count, end)] for end, count in zip(ends, counts, strict=True)]
        owner = np.repeat(np.arange(len(names)), counts)
        inside = [groups(logits[np.ix_(rows, rows)], 0.0) for rows in people]
        one = [rows for rows, parts in zip(people, inside, strict=True) if len(parts) == 1]
        joined = groups(logits, self._limit(len(one)), one) if one else []
        whose = [[names[k] for k in dict.fromkeys(owner[rows].tolist())] for rows in joined]
        return Proposals(
            tuple(tuple(people) for people in whose if len(people) > 1),
            {
                name: tuple(map(tuple, parts))
                for name, parts in zip(names, inside, strict=True)
                if len(parts) > 1
            },
        )

    def grouped(self, gallery: Gallery) -> Gallery:
        """The gallery as it is proposed: people are parted, then who seem to be one are joined.

        Raises InputError where there are too many photos to compare each with each.
        """
        if gallery.means()[1].sum() > MOST_PROPOSED:
            raise InputError(
                f"Grouping compares each photo with each other, {MOST_PROPOSED} at most; leave it"
                " out, or give fewer photos."
            )
        for _ in range(2):
            proposed = self.proposals(gallery)
            for name, photos in proposed.part.items():
                gallery = gallery.part(name, photos)
            for people in proposed.merge:
                gallery = gallery.merge(people)
        return gallery

    def _of(
        self,
        photos: Sequence[Listed],
        hashes: Sequence[str],
        found: Sequence[Embedded | Unusable | None],
    ) -> Enrolled:
        """The usable photos by person, what is to be said of them, and the others."""
        unusable = tuple(photo for photo in found if isinstance(photo, Unusable))
        used = [(row, photo) for row, photo in enumerate(found) if isinstance(photo, Embedded)]
        if not used:
            reasons = " ".join(dict.fromkeys(photo.reason for photo in unusable))
            raise InputError(f"No photo of the support set could be used. {reasons}".strip())
        vectors = np.stack([photo.vector for _, photo in used])
        shown = [photos[row] for row, _ in used]
        names = self.names(shown, vectors)
        everything = OnePerson.of(
            vectors, [hashes[row] for row, _ in used], [photo.tells_little for _, photo in used]
        )
        people = {name: everything.some(own.tolist()) for name, own in photos_of(names).items()}
        doubtful = tuple(
            Doubtful(name, file_name(one.photo) or name, photo.warnings)
            for name, one, (_, photo) in zip(names, shown, used, strict=True)
            if photo.warnings
        )
        return Enrolled(Gallery.of(people, self.sha256), unusable, doubtful)

    def _limit(self, count: int) -> float:
        """The logit from which on the most alike pair of so many is called the same by default."""
        return self.rule.limits(self.rule.default, max(1, count * (count - 1) // 2))[1]

    def _matrix(self, vectors: np.ndarray) -> np.ndarray:
        """Calibrated logits (N, N) of every embedding (N, D) against every other."""
        return self.rule.pair_logit(self.head.of_all(vectors).astype(np.float64))


@contextmanager
def _embedders(
    embed: Embed, processes: int
) -> Iterator[Callable[[Iterable[Batch]], Iterator[list[Embedded | Unusable]]]]:
    """A function that embeds batches of photos in turn, in so many processes."""
    if processes == 1:
        yield partial(map, embed)
        return
    spawn = get_context("spawn")  # a fork would share the locks of torch's threads
    with ProcessPoolExecutor(processes, spawn, _start, (embed,)) as pool:
        yield partial(pool.map, _embed_there)


_own: list[Embed] = []  # that of a process of a pool


def _start(embed: Embed) -> None:
    torch.set_num_threads(1)
    _own.append(embed)


def _embed_there(batch: Batch) -> list[Embedded | Unusable]:
    return _own[0](batch)
