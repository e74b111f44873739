"""What a visit remembers, in memory only: the photos that are on the page, and what was found.

Values are immutable: an event takes the old one and returns a new one, so two events of a visit
that overlap cannot leave half of each. The support set alone is changed in place, see `Support`.
"""

import hashlib
import operator
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from siamese import Gallery, NoFaceError, Pick, SiameseError, Verifier
from siamese.answers import PhotoFaces
from siamese.photos import Photo
from siamese.support import Listed, OnePerson, apart
from siamese.verifier import Sighting
from ui import draw
from ui.photo import Upload

CHUNK = 8  # photos between two reports of progress


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a photo or a request cannot be used: a stable code and one sentence."""

    code: str
    message: str

    @classmethod
    def of(cls, error: SiameseError) -> "Problem":
        """The problem that an error tells of."""
        return cls(error.code, str(error))


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One photo on the page: the faces found in it, or the problem that it has.

    `picture` is a data URL, "" where the photo cannot be decoded. `face` counts from 0 in the
    order of `sighting.faces`; None where nobody chose one. `sha256` is the hash of the file,
    hexadecimal.
    """

    name: str
    picture: str = ""
    photo: Photo | None = None
    sighting: Sighting | None = None
    face: int | None = None
    more: bool = False
    problem: Problem | None = None
    sha256: str = ""

    @property
    def chosen(self) -> int:
        """The face that counts, from 0."""
        return self.face or 0

    def choose(self, face: str) -> "Shown":
        """With another face, whose number (from 0) came from outside; an unknown one is ignored."""
        total = len(self.sighting.faces) if self.sighting else 0
        index = int(face) if face.isdecimal() and len(face) < 6 else total
        return replace(self, face=index) if index < total else self

    def toggle(self, face: str) -> "Shown":
        """As `choose`; but the face that was chosen already is so no longer."""
        chosen = self.choose(face)
        again = chosen is not self and chosen.face == self.face
        return replace(self, face=None) if again else chosen

    def with_more(self) -> "Shown":
        """To be searched for small faces too."""
        return replace(self, more=True)


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One photo of the support set, with the name of its person and its embedding (D,).

    `faces` is how many were found in it; `seen` has only the most prominent one, which is embedded.
    The photo itself is let go: there may be 200 of several megabytes each.
    """

    person: str
    shown: Shown
    embedding: np.ndarray | None = None
    faces: int = 1
    seen: PhotoFaces | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes answers about it less reliable; of other faces in the photo the list tells."""
        return tuple(warning.message for warning in self.seen.warnings) if self.seen else ()


class Support:
    """The photos of the people to choose from.

    Reading many takes long, and other events come meanwhile: whoever took the old photos and gave
    back new ones would undo what happened in between. Gradio hands the same object to all events of
    a visit, so each event tells this one what to change. Members go by a key: rows shift.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}  # replaced by each change, never changed itself
        self._unlisted = True
        self._list = ""

    def __deepcopy__(self, memo: object) -> "Support":
        """Gradio copies what a visit starts with, which is empty; a lock cannot be copied."""
        return Support()

    @property
    def members(self) -> Mapping[str, Member]:
        """The photos as they are now, by key, in the order in which they came."""
        return self._members

    def add(self, verifier: Verifier, found: Sequence[Member], most: int) -> bool:
        """Add photos while there are fewer than `most`; whether all of them could be added.

        They are of the people that the names of their files tell, as far as the network agrees.
        """
        with self._lock:
            taken = found[: max(0, most - len(self._members))]
            for member in named(verifier, [*self._members.values()], taken):
                self._members = {**self._members, secrets.token_hex(8): member}
            self._unlisted = True
        return len(taken) == len(found)

    def join(self, people: Sequence[str]) -> None:
        """Let these people be one, of the first one's name."""
        with self._lock:
            self._members = {
                key: replace(member, person=people[0]) if member.person in people else member
                for key, member in self._members.items()
            }
            self._unlisted = True

    def part(self, person: str, photos: Sequence[Sequence[str]]) -> None:
        """Let a person's photos be of several: keys of each; what has changed since is left."""
        with self._lock:
            changed = dict(self._members)
            for own in photos[1:]:
                name = apart(person, {member.person for member in changed.values()})
                for key in own:
                    if key in changed and changed[key].person == person:
                        changed[key] = replace(changed[key], person=name)
            self._members, self._unlisted = changed, True

    def remove(self, key: str) -> None:
        """Take one photo out; a key from outside that there is none of changes nothing."""
        with self._lock:
            self._members = {k: member for k, member in self._members.items() if k != key}
            self._unlisted = True

    def rename(self, key: str, person: str, listed: str) -> None:
        """Give the person of one photo another name; an empty one changes nothing.

        It was changed on the page in the list with the mark `listed`.
        """
        with self._lock:
            self._unlisted |= listed != self._list  # on its way, the page got another list
            member = self._members.get(key)
            if member is not None and person:
                self._members = {**self._members, key: replace(member, person=person)}

    def list_again(self) -> None:
        """The page is to get a new list, though its photos are the same."""
        with self._lock:
            self._unlisted = True

    def unlisted(self) -> str:
        """A mark for a new list on the page, "" if the page has all photos already.

        The list is long to send. A new name stands in it where it was typed.
        """
        with self._lock:
            if not self._unlisted:
                return ""
            self._unlisted, self._list = False, secrets.token_hex(4)
            return self._list


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Something that was computed, and the very things that it is about."""

    value: Any = None
    about: tuple[object, ...] = ()

    def of(self, *about: object) -> Any:
        """The value if it is about these, None where anything has changed since."""
        same = len(about) == len(self.about) and all(map(operator.is_, about, self.about))
        return self.value if same else None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What was asked of a pair of photos beyond the verdict.

    `pairs`: the logits of all pairs of faces, about two sightings. `why`: the explanation, about
    two photos with their chosen faces.
    """

    pairs: Kept = Kept()
    why: Kept = Kept()


def all_pairs(verifier: Verifier, asked: Asked, first: Shown, second: Shown) -> Asked:
    """With the logits of every face of one photo against every face of the other."""
    known = asked.pairs.of(first.sighting, second.sighting) is not None
    if known or first.sighting is None or second.sighting is None:
        return asked
    logits = verifier.all_pairs(first.sighting, second.sighting)
    return replace(asked, pairs=Kept(logits, (first.sighting, second.sighting)))


def explain(verifier: Verifier, asked: Asked, first: Shown, second: Shown) -> Asked:
    """With what speaks for and against the two chosen faces being one person's."""
    if first.sighting is None or second.sighting is None:
        return asked
    found = verifier.explain(
        first.sighting, second.sighting, first_face=first.face, second_face=second.face
    )
    return replace(asked, why=Kept(found, (first, second)))


def winner(found: Pick, members: Iterable[Member]) -> Member | None:
    """The first usable photo of the person that an answer names, if it names one."""
    named = found.ranking[0].identity if found.undecided else found.identity
    of_them = (m for m in members if m.person == named and m.embedding is not None)
    return next(of_them, None)


def explain_winner(verifier: Verifier, found: Pick, query: Shown, best: Member | None) -> Kept:
    """What speaks for and against the person that an answer names."""
    if best is None or best.seen is None:
        return Kept()
    return Kept(verifier.explain_chosen(found.query, best.seen), (query, best.seen))


def current(first: Shown | None, second: Shown | None, asked: Asked | None) -> Asked:
    """Without what is about photos that went while it was computed: nothing is to hold those."""
    if first is None or second is None or asked is None:
        return Asked()
    pairs = asked.pairs.of(first.sighting, second.sighting) is not None
    why = asked.why.of(first, second) is not None
    return Asked(asked.pairs if pairs else Kept(), asked.why if why else Kept())


def named(verifier: Verifier, known: Sequence[Member], new: Sequence[Member]) -> list[Member]:
    """New photos with their people; those that are `known` keep theirs."""
    told = [(Listed(m.person, b""), m.embedding) for m in known if m.embedding is not None]
    asked = [(Listed.by_file(m.person, b""), m.embedding) for m in new if m.embedding is not None]
    if not asked:
        return list(new)
    rows = [embedding for _, embedding in (*told, *asked)]
    names = verifier.names([photo for photo, _ in (*told, *asked)], np.stack(rows))
    found = iter(names[len(told) :])
    return [m if m.embedding is None else replace(m, person=next(found)) for m in new]


def gallery(members: Iterable[Member], sha256: str) -> Gallery:
    """The usable photos by person, in the order in which the people first appear."""
    known: dict[str, list[OnePerson]] = {}
    for member in members:
        if member.embedding is not None:
            little = member.seen is not None and member.seen.tells_little
            one = OnePerson.of(member.embedding[None], warned=[little])
            known.setdefault(member.person, []).append(one)
    return Gallery.of({name: OnePerson.joined(found) for name, found in known.items()}, sha256)


def look(verifier: Verifier, upload: Upload) -> Shown:
    """Decode an upload and find its faces; a problem is part of what is shown, not an error."""
    try:
        photo = verifier.load(upload.content, upload.name)
        picture = draw.preview(photo)
    except SiameseError as error:
        return Shown(upload.name, problem=Problem.of(error))
    sha256 = hashlib.sha256(upload.content).hexdigest()
    return search(verifier, Shown(upload.name, picture, photo, sha256=sha256))


def search(verifier: Verifier, shown: Shown) -> Shown:
    """Find the faces of a photo that is already decoded, small ones too where `more` is set."""
    assert shown.photo is not None
    try:
        sighting = verifier.find(shown.photo, more_faces=shown.more)
    except SiameseError as error:
        return replace(shown, sighting=None, face=None, problem=Problem.of(error))
    return replace(shown, sighting=sighting, face=None, problem=None)


def new_members(verifier: Verifier, uploads: Sequence[Upload]) -> Iterator[list[Member]]:
    """Support photos as members of the visit, a chunk at a time; unusable ones say why."""
    for start in range(0, len(uploads), CHUNK):
        yield _members(
            verifier, [_small(verifier, upload) for upload in uploads[start : start + CHUNK]]
        )


def _members(verifier: Verifier, found: Sequence[Shown]) -> list[Member]:
    """Photos that were searched, with the embedding of the most prominent face."""
    seen = [None if one.sighting is None else verifier.choose(one.sighting, 0) for one in found]
    usable = [one for one in seen if one is not None]
    rows = iter(verifier.embed_chosen(usable) if usable else ())
    return [
        Member(person_of(shown.name), replace(shown, sighting=None))
        if one is None
        else Member(
            person_of(shown.name),
            replace(shown, sighting=None),
            next(rows),
            len(one.faces),
            replace(one, faces=one.faces[:1]),
        )
        for shown, one in zip(found, seen, strict=True)
    ]


def _small(verifier: Verifier, upload: Upload) -> Shown:
    """As `look`, but the picture is only the face's crop."""
    try:
        photo = verifier.load(upload.content, upload.name)
        try:
            sighting = verifier.find(photo)
        except NoFaceError as error:
            return Shown(upload.name, draw.thumbnail(photo), problem=Problem.of(error))
    except SiameseError as error:
        return Shown(upload.name, problem=Problem.of(error))
    return Shown(upload.name, draw.crop(sighting.faces[0]), sighting=sighting)


def person_of(name: str) -> str:
    """The name a photo's person has until somebody changes it: the file's, without its ending."""
    stem = name.rsplit(".", 1)[0].replace("_", " ").strip()
    return stem or name
