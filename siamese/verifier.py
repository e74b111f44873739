"""Photos in, answers out: `Verifier` joins detector, network and decision rule.

It keeps nothing between calls, so one instance serves any number of threads.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from siamese import pretrained
from siamese.answers import (
    SAME_PHOTO,
    Explanation,
    Grid,
    Identified,
    Origin,
    PhotoFaces,
    Pick,
    Proposals,
    Ranking,
    Unusable,
    Verification,
)
from siamese.assignment import most_probable
from siamese.calibration import (
    ANYBODY,
    LN10,
    Decision,
    Rules,
    check_prior,
    pick_weights,
    ranked,
    shares_of,
)
from siamese.checkpoint import Checkpoint
from siamese.enrolment import BATCH, Embedded, Enrolled, Enrolment, Progress
from siamese.errors import ImageError, InputError, NoFaceError, SiameseError
from siamese.explain import CELLS, influence
from siamese.faces import Detector, detector_for
from siamese.faces.detector import Face
from siamese.faces.quality import warnings_for
from siamese.network import Head, ready
from siamese.photos import Load, Photo, Source, file_name, load
from siamese.support import Gallery, Listed, Support, listed

if hasattr(os, "register_at_fork"):
    # A process that is forked has none of torch's threads, and would wait for them for ever.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A photo whose faces have been found: another one can be chosen without a second search.

    `faces` are most prominent first, never empty. Their crops are cut again from more pixels only
    for a comparison, since that costs a decode.
    """

    photo: Photo
    faces: tuple[Face, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """The most alike pair of faces of two photos: its embeddings (2, D), and all logits (n, m)."""

    photos: tuple[PhotoFaces, PhotoFaces]
    embeddings: np.ndarray
    logits: np.ndarray


class Verifier:
    """Compares photos of faces by a calibrated siamese network."""

    def __init__(self, checkpoint: Checkpoint, load: Load = load) -> None:
        """Wire a loaded checkpoint; CheckpointError if it was never calibrated.

        `load` takes photos in: by default with decoders in this process, which is right for one's
        own files; a server for strangers gives that of a `DecoderProcess`.
        """
        self.load = load
        self.rule = checkpoint.rule
        self.origin = Origin(checkpoint.public_name, checkpoint.sha256)
        self.folder = checkpoint.folder  # where the model card lies, if there is one
        self.note = checkpoint.note  # a sentence where the checkpoint may not be the newest one
        self.config = checkpoint.config
        self._network = ready(checkpoint.network)
        self._head = Head.of(checkpoint.network)
        self._detector: Detector = detector_for(*checkpoint.config.compared)

    @property
    def head(self) -> Head:
        """The network's head, for many embeddings at once."""
        return self._head

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path | None = None,
        *,
        revision: str | None = None,
        refresh: bool = False,
    ) -> "Verifier":
        """Load a checkpoint: a folder, `owner/name` on the Hub, or the embedded one for None.

        A name on the Hub may be `owner/name@revision#sha256=...`; `revision` is a branch, a tag or
        a commit. A branch or tag that is in the cache answers as it is there, and `note` says so;
        `refresh` asks the Hub. Raises CheckpointError, one sentence, where the checkpoint cannot be
        loaded or trusted.
        """
        return cls(pretrained.load(source, revision, refresh))

    def find(
        self, source: Source | Photo, *, name: str | None = None, more_faces: bool = False
    ) -> Sighting:
        """Find the faces of a photo once, to compare them as often as one likes.

        `name` is what to call the photo in messages, by default its file name. What comes back
        takes the place of a photo in `verify`, `pick`, `embed`, `all_pairs` and `explain`.

        Raises ImageError and NoFaceError, which name the photo.
        """
        if not isinstance(source, Photo):
            source = self.load(source, name)
        return self._sighting(source, self._detector.detect([source], more_faces)[0])

    def choose(self, sighting: Sighting, choice: int | None = None) -> PhotoFaces:
        """The chosen face of a photo, by default the most prominent one, which is then told.

        Its crop is cut from as many pixels as the photo has. Raises InputError for a face that is
        not there.
        """
        index = 0 if choice is None else choice
        one_of = len(sighting.faces) if choice is None else 1
        return self._photo_faces(sighting, index, self._sharp(sighting, [index]), one_of)

    def verify(
        self,
        first: Source | Sighting,
        second: Source | Sighting,
        *,
        operating_point: str | None = None,
        prior: float = 0.5,
        population: str = ANYBODY,
        first_face: int | None = None,
        second_face: int | None = None,
        more_faces: bool = False,
    ) -> Verification:
        """Compare the people in two photos.

        Every face of one photo is compared with every face of the other, unless one is chosen; the
        answer is about the most alike pair, and allows for there having been that many: at most one
        of k pairs is the one asked about, so the odds beforehand are divided by k.

        Args:
            first, second: path, bytes, open file, PIL picture, or uint8 array (H, W[, 3]); or what
                `find` returned.
            operating_point: its name; the checkpoint's first one by default.
            prior: how probable "same" was beforehand, in (0, 1); moves the probability only.
            population: who different people are taken to be: "anybody", "peers" (people of the same
                sex, age group and origin), "children" or "relatives", as far as the checkpoint has
                them.
            first_face, second_face: only this face, counted from 0 in the order of
                `PhotoFaces.faces`; by default all.
            more_faces: look for small faces even where there are large ones (slower).

        Raises:
            ImageError, NoFaceError: naming the photo. InputError: a parameter makes no sense.
        """
        self.rule.among(population).point(operating_point)
        check_prior(prior)
        clock = _Clock()
        seen = self._see((first, second), more_faces, clock)
        found = self._most_alike(seen, (first_face, second_face), clock)
        rule = self.rule.among(population, any(photo.tells_little for photo in found.photos))
        point = rule.point(operating_point)
        logits = rule.pair_logit(found.logits)
        judged = rule.judge(float(logits.max()), point, prior, logits.size)
        return Verification.of(
            judged,
            all_pairs=tuple(map(tuple, (rule.bounded(logits) / LN10).tolist())),
            otherwise=self.rule.otherwise(float(found.logits.max()), judged),
            cautions=(SAME_PHOTO,) if _same_photo(*seen) else (),
            photos=found.photos,
            checkpoint=self.origin,
            milliseconds=clock.milliseconds,
        )

    def explain(
        self,
        first: Source | Sighting,
        second: Source | Sighting,
        *,
        first_face: int | None = None,
        second_face: int | None = None,
        more_faces: bool = False,
    ) -> Explanation:
        """Which parts of two faces speak for "same", and which against; some hundred embeddings.

        Photos, choices and errors are those of `verify`.
        """
        clock = _Clock()
        seen = self._see((first, second), more_faces, clock)
        found = self._most_alike(seen, (first_face, second_face), clock)
        a, b = found.photos
        return self._explanation((a, b), found.embeddings, clock)

    def explain_chosen(self, first: PhotoFaces, second: PhotoFaces) -> Explanation:
        """As `explain`, of the chosen faces of two photos that need not be there any more."""
        return self._explanation((first, second), self.embed_chosen((first, second)), _Clock())

    def _explanation(
        self, photos: tuple[PhotoFaces, PhotoFaces], embeddings: np.ndarray, clock: "_Clock"
    ) -> Explanation:
        """What speaks for and against the chosen faces, whose embeddings are (2, D)."""
        with clock("explain"):
            influences = tuple(
                self._influence(photo.face, other)
                for photo, other in zip(photos, embeddings[::-1], strict=True)
            )
        return Explanation(
            logit=float(self.logits(*embeddings)),
            grid=Grid.over(photos[0].face.crop.shape[0], CELLS),
            influences=influences,
            photos=photos,
            checkpoint=self.origin,
            milliseconds=clock.milliseconds,
        )

    def verify_many(
        self, pairs: Iterable[tuple[Source, Source]], *, operating_point: str | None = None
    ) -> Iterator[Verification | SiameseError]:
        """Compare many pairs; one that cannot be compared yields its error, the rest goes on."""
        for number, pair in enumerate(listed("verify_many", pairs, "pairs"), 1):
            try:
                first, second = listed("verify_many", pair, "photos")
            except (TypeError, ValueError) as error:
                raise InputError(f"Pair {number} is not of two photos.") from error
            try:
                yield self.verify(first, second, operating_point=operating_point)
            except (ImageError, NoFaceError) as error:
                yield error

    def all_pairs(self, first: Source | Sighting, second: Source | Sighting) -> np.ndarray:
        """Logits of every face of one photo against every face of another: float64 (n, m).

        Rows and columns are in the order of `PhotoFaces.faces`. Raises as `verify` does.
        """
        clock = _Clock()
        seen = self._see((first, second), False, clock)
        return self._most_alike(seen, (None, None), clock).logits

    def pick(
        self,
        query: Source | Sighting,
        support: Support | Gallery,
        *,
        operating_point: str | None = None,
        none_prior: float = 0.5,
        population: str = ANYBODY,
        query_face: int | None = None,
        more_faces: bool = False,
        group: bool = False,
        progress: Progress | None = None,
    ) -> Pick:
        """Find the person of a query photo in a support set, or none of them (one-shot).

        Args:
            query: a photo as in `verify`.
            support: identity -> photo or photos; or photos, whose file names are the identities; or
                a folder (see `read_support`); or a `Gallery`, which costs no photo to be read.
            operating_point: at which each candidate's decision is made; a name is given only where
                that of the most probable one is "same", and where it is more probable than not.
            none_prior: how probable "none of these" was beforehand, in (0, 1).
            population: who different people are taken to be, as in `verify`.
            query_face: which face of the query the answer is about, counted from 0; `each_face` is
                about all.
            more_faces: look for small faces in the query too.
            group: follow what `proposals` says of the support set.
            progress: called with (done, total) photos.

        Raises:
            ImageError, NoFaceError: for the query. InputError: no support photo could be used.
        """
        self.rule.among(population).point(operating_point)
        check_prior(none_prior)
        clock = _Clock()
        with clock("load"):
            photo = self._load("query photo", query)
        (seen,) = self._sightings([photo], more_faces, clock)
        with clock("align"):
            chosen = 0 if query_face is None else query_face
            faces = self._sharp(seen, [chosen, *(n for n in range(len(seen.faces)) if n != chosen)])
            one_of = len(faces) if query_face is None else 1
            asked = self._photo_faces(seen, chosen, faces, one_of)
        with clock("support"):
            enrolled = self._enrolled(support, progress)
            if group:
                enrolled = replace(enrolled, gallery=self.grouped(enrolled.gallery))
            proposals = self.proposals(enrolled.gallery)
        with clock("embed"):
            vectors = self._embed([*faces.values()])
        with clock("compare"):
            gallery = enrolled.gallery
            rules = {
                number: self._rules(
                    gallery,
                    population,
                    operating_point,
                    asked.tells_little
                    if number == chosen
                    else self._tells_little(seen, number, faces),
                )
                for number in faces
            }
            ranking, none, named = self._rank(vectors[0], gallery, rules[chosen], none_prior)
            each = dict(zip(faces, vectors, strict=True))
            each_face = self._identify(each, gallery, rules, none_prior)
        first = int(ranking.order[0])
        rule, point = rules[chosen].of(first), rules[chosen].point(first)
        runners = sorted([*ranking.shares[:2].tolist(), none], reverse=True)
        return Pick(
            identity=ranking[0].identity if named else None,
            margin=runners[0] - runners[1],
            ranking=ranking,
            none_probability=none,
            none_prior=float(none_prior),
            population=rule.population,
            warned=rule.warned,
            false_matches_among=rule.false_matches_among(point),
            operating_point=point,
            query=asked,
            each_face=each_face,
            unusable=enrolled.unusable,
            doubtful=enrolled.doubtful,
            proposals=proposals,
            checkpoint=self.origin,
            milliseconds=clock.milliseconds,
        )

    def gallery(
        self,
        support: Support,
        progress: Progress | None = None,
        *,
        before: Gallery | None = None,
        processes: int = 1,
        group: bool = False,
    ) -> tuple[Gallery, tuple[Unusable, ...]]:
        """Embed a support set once; photos without a usable face are left out and reported.

        Of a gallery made `before` by the same weights, the embeddings of files that are as they
        were are taken over. `processes` embed at a time, each with a copy of the network. `group`
        follows what `proposals` says.

        Raises InputError where not one photo could be used.
        """
        found = self._enrolment.enrol(support, progress, before, processes)
        return self.grouped(found.gallery) if group else found.gallery, found.unusable

    def names(self, photos: Sequence[Listed], embeddings: np.ndarray) -> list[str]:
        """Who each photo shows, by its name and its embedding (N, D); see `Enrolment.names`."""
        return self._enrolment.names(photos, embeddings)

    def proposals(self, gallery: Gallery) -> Proposals:
        """Who of a gallery seem to be one, and who several; see `Enrolment.proposals`."""
        return self._enrolment.proposals(gallery)

    def grouped(self, gallery: Gallery) -> Gallery:
        """The gallery as it is proposed; see `Enrolment.grouped`."""
        return self._enrolment.grouped(gallery)

    @property
    def _enrolment(self) -> Enrolment:
        return Enrolment(self._embed_batch, self._head, self.rule, self.origin.sha256)

    def embed(self, photos: Sequence[Source | Sighting]) -> np.ndarray:
        """Embeddings of the default face of each photo: float32 (N, D).

        Raises ImageError or NoFaceError for the first photo that has none.
        """
        photos = list(listed("embed", photos, "photos"))
        rows = []
        for start in range(0, len(photos), BATCH):
            loaded = [
                self._load(f"photo {number + 1}", source)
                for number, source in enumerate(photos[start : start + BATCH], start)
            ]
            found = self._find(loaded, [None] * len(loaded), False, _Clock())
            rows.append(self.embed_chosen(found))
        return np.concatenate(rows) if rows else np.empty((0, len(self._head.weights)), np.float32)

    def embed_chosen(self, photos: Sequence[PhotoFaces]) -> np.ndarray:
        """Embeddings of the chosen faces, in one batch: float32 (N, D); there is at least one."""
        return self._embed([photo.face for photo in photos])

    def logits(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Calibrated logits of embeddings (..., D) against (..., D), broadcast; symmetric."""
        return self._head(a, b)

    def _search(self, query: np.ndarray, gallery: Gallery) -> np.ndarray:
        """Logits (K,) of one embedding (D,) against the people of a gallery."""
        isolation = gallery.isolation(self._head.isolation)
        return self._head.search(query, gallery.means()[0], isolation)

    def _sightings(
        self, photos: Sequence[Photo | Sighting], more: bool, clock: "_Clock"
    ) -> list[Sighting]:
        with clock("detect"):
            fresh = [photo for photo in photos if isinstance(photo, Photo)]
            detected = iter(self._detector.detect(fresh, more))
            return [
                photo if isinstance(photo, Sighting) else self._sighting(photo, next(detected))
                for photo in photos
            ]

    def _find(
        self,
        photos: Sequence[Photo | Sighting],
        choices: Sequence[int | None],
        more: bool,
        clock: "_Clock",
    ) -> list[PhotoFaces]:
        seen = self._sightings(photos, more, clock)
        with clock("align"):
            return [
                self.choose(sighting, choice)
                for sighting, choice in zip(seen, choices, strict=True)
            ]

    def _see(
        self, sources: tuple[Source | Sighting, Source | Sighting], more: bool, clock: "_Clock"
    ) -> list[Sighting]:
        """The faces of two photos."""
        with clock("load"):
            photos = [
                self._load("first photo", sources[0]),
                self._load("second photo", sources[1]),
            ]
        return self._sightings(photos, more, clock)

    def _most_alike(
        self, seen: Sequence[Sighting], choices: tuple[int | None, int | None], clock: "_Clock"
    ) -> "_Compared":
        """Compare all faces of two photos, or the chosen ones, and find the most alike pair."""
        with clock("align"):
            sides = [self._candidates(*side) for side in zip(seen, choices, strict=True)]
        rows, columns = sides
        with clock("embed"):
            vectors = self._embed([*rows.values(), *columns.values()])
        with clock("compare"):
            a, b = vectors[: len(rows)], vectors[len(rows) :]
            logits = np.asarray(self.logits(a[:, None], b[None]), dtype=np.float64)
            row, column = divmod(int(logits.argmax()), len(b))
        photos = [
            self._photo_faces(sighting, [*side][best], side)
            for sighting, side, best in zip(seen, sides, (row, column), strict=True)
        ]
        return _Compared((photos[0], photos[1]), np.stack([a[row], b[column]]), logits)

    def _candidates(self, sighting: Sighting, choice: int | None) -> dict[int, Face]:
        """The faces of a photo to compare, by their numbers: all, or the chosen one."""
        numbers = range(len(sighting.faces)) if choice is None else [choice]
        return self._sharp(sighting, numbers)

    def _sharp(self, sighting: Sighting, numbers: Sequence[int]) -> dict[int, Face]:
        """Faces of a photo by their numbers, their crops from as many pixels as there are.

        Raises InputError for one that is not there.
        """
        photo, faces = sighting.photo, sighting.faces
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                raise InputError(f"A face is chosen by its number, not by {number!r}.")
            if not 0 <= number < len(faces):
                raise InputError(
                    f"Face {number} was asked for in {photo.caption.label}, which has {len(faces)}"
                    f" (0 to {len(faces) - 1})."
                )
        sharp = self._detector.sharpen(photo, [faces[number] for number in numbers])
        return dict(zip(map(int, numbers), sharp, strict=True))

    def _photo_faces(
        self, sighting: Sighting, chosen: int, sharp: Mapping[int, Face], one_of: int = 1
    ) -> PhotoFaces:
        """A photo and its chosen face; `sharp` are those cut from more pixels, by their numbers.

        `one_of` is among how many faces the choice was made without anybody's asking.
        """
        photo = sighting.photo
        faces = tuple(sharp.get(number, face) for number, face in enumerate(sighting.faces))
        warnings = warnings_for(faces[chosen], one_of, photo.size, self.config.window)
        return PhotoFaces(photo.caption.name, photo.size, faces, int(chosen), warnings)

    def _sighting(self, photo: Photo, faces: Sequence[Face]) -> Sighting:
        if not faces:
            raise NoFaceError(
                f"No face was found in {photo.caption.label}; use a photo that shows the face from"
                " the front, larger and well lit."
            )
        return Sighting(photo, tuple(faces))

    def _embed(self, faces: Sequence[Face]) -> np.ndarray:
        """Embeddings (N, D) of the aligned crops of faces, in one batch."""
        return self._embed_crops(np.stack([face.crop for face in faces]))

    def _embed_crops(self, crops: np.ndarray) -> np.ndarray:
        """Embeddings (N, D) of aligned crops, uint8 (N, S, S, C), in one batch."""
        return self._network.embed_crops(crops)

    def _influence(self, face: Face, other: np.ndarray) -> np.ndarray:
        """The influence of the parts of a face on its logit against an embedding (D,)."""
        crop = np.array(face.crop)  # a copy: torch takes no memory that is for reading only
        return influence(crop, lambda crops: self.logits(self._embed_crops(crops), other))

    def _embed_batch(self, batch: Sequence[Listed]) -> list[Embedded | Unusable]:
        """The embedding of each support photo and its warnings, or why there is none."""
        found: dict[int, Embedded | Unusable] = {}
        chosen: dict[int, PhotoFaces] = {}
        for row, photo in enumerate(batch):
            name = file_name(photo.photo) or photo.identity
            try:
                chosen[row] = self.choose(self.find(photo.photo, name=name))
            except (ImageError, NoFaceError) as error:
                found[row] = Unusable(photo.alone or photo.identity, name, error.code, str(error))
        if chosen:
            vectors = self.embed_chosen([*chosen.values()])
            for (row, seen), vector in zip(chosen.items(), vectors, strict=True):
                found[row] = Embedded(vector, seen.warnings, seen.tells_little)
        return [found[row] for row in range(len(batch))]

    def _enrolled(self, support: Support | Gallery, progress: Progress | None) -> Enrolled:
        if not isinstance(support, Gallery):
            return self._enrolment.enrol(support, progress)
        if support.sha256 != self.origin.sha256:
            raise InputError("This gallery was made by another checkpoint; embed its photos again.")
        if not len(support):
            raise InputError("The support set is empty; add at least one photo.")
        if support.size != self.config.network.embedding_size:
            raise InputError(
                "The embeddings of this gallery are of another length; embed its photos again."
            )
        return Enrolled(support)

    def _rules(
        self, gallery: Gallery, population: str, operating_point: str | None, little: bool
    ) -> Rules:
        """How a face of the query that tells `little`, or not, is judged against everybody."""
        ordinary, warned = (self.rule.among(population, each) for each in (False, True))
        points = ordinary.point(operating_point), warned.point(operating_point)
        return Rules(ordinary, warned, gallery.telling_little() | little, points)

    def _rank(
        self, query: np.ndarray, gallery: Gallery, rules: Rules, none_prior: float
    ) -> tuple[Ranking, float, bool]:
        """Candidates, most probable first, the probability of "none of these", and whether the
        first is named."""
        counts = gallery.means()[1]
        logits = rules.identity_logit(self._search(query, gallery), counts)
        ratios = rules.bounded(logits)
        shares, none, named = rules.pick(logits, none_prior)
        order = np.argsort(-ranked(ratios, logits), kind="stable")
        columns = (shares[order], logits[order], ratios[order] / LN10, counts[order])
        ranking = Ranking([*gallery.photos], order, *columns, rules.decide)
        return ranking, none, named is not None

    def _tells_little(self, seen: Sighting, number: int, sharp: Mapping[int, Face]) -> bool:
        """Whether a face of a photo is warned of that it tells less than others."""
        return self._photo_faces(seen, number, sharp).tells_little

    def _identify(
        self,
        faces: Mapping[int, np.ndarray],
        gallery: Gallery,
        rules: Mapping[int, Rules],
        none_prior: float,
    ) -> tuple[Identified, ...]:
        """Who the faces of one photo are, from the embedding (D,) of each, by their numbers.

        So are the rules that each is judged by. Nothing of one face alone, on which the ranking
        says all.
        """
        if len(faces) == 1:
            return ()
        counts, names, numbers = gallery.means()[1], [*gallery.photos], sorted(faces)
        logits = np.array(
            [
                rules[number].identity_logit(self._search(faces[number], gallery), counts)
                for number in numbers
            ]
        )
        bounded = [rules[number].bounded(own) for number, own in zip(numbers, logits, strict=True)]
        weights = pick_weights(ranked(np.stack(bounded), logits), none_prior)
        people = most_probable(weights)
        found = []
        for row, (number, own) in enumerate(zip(numbers, people, strict=True)):
            left = weights[row].copy()
            left[[person for person in people if person not in (None, own)]] = -np.inf
            shares, best = shares_of(left), int(left[:-1].argmax())
            candidate = names[best] if np.isfinite(left[best]) else None
            said = rules[number].decide(best, float(logits[row, best]))
            same = own == best and said is Decision.SAME and shares[best] > 0.5
            found.append(
                Identified(
                    number,
                    candidate if same else None,
                    candidate,
                    float(shares[best]),
                    float(shares[-1]),
                )
            )
        return tuple(found)

    def _load(self, role: str, source: Source | Sighting) -> Photo | Sighting:
        return source if isinstance(source, Sighting) else self.load(source, role=role)


def _same_photo(first: Sighting, second: Sighting) -> bool:
    """Whether two photos are one: every face is at the same place and has the same pixels."""
    if first.photo.size != second.photo.size or len(first.faces) != len(second.faces):
        return False
    return all(
        (a.box, a.landmarks) == (b.box, b.landmarks) and np.array_equal(a.crop, b.crop)
        for a, b in zip(first.faces, second.faces, strict=True)
    )


class _Clock:
    """Milliseconds spent in each named stage."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + spent
