"""HTML for photos: one photo with the faces found in it, and the gallery of the support set."""

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from siamese.verifier import Sighting
from ui import words
from ui.html.templates import macros
from ui.visit import Member, Problem, Shown

SMALL = 120  # px; lower pictures are enlarged to this height

_HTML = macros("cards")


def photo(shown: Shown | None, role: str, all_count: bool = False, face: int | None = None) -> str:
    """A photo with its faces as buttons, or its problem, or nothing for an empty place.

    `all_count`: several faces are all compared until one is chosen. `face` (from 0) is the one that
    the answer is about, where nobody chose one.
    """
    if shown is None:
        return ""
    if not shown.picture:
        return str(problem(shown.problem))
    sighting = shown.sighting
    total = len(sighting.faces) if sighting else 0
    if face is None:
        face = shown.face if total > 1 and all_count else shown.chosen
    found = (words.FACES_COMPARED if all_count else words.FACES_FOUND).say(count=total)
    width, height = shown.photo.size if shown.photo else (0, 0)
    alt = words.PHOTO_ALT if sighting else words.PHOTO_ALT_BARE
    card = {
        # Enlarged to be seen; a strip so enlarged would be squeezed to the width of the page.
        "small": height < SMALL and width <= 2 * height,
        "say": found if sighting else "",
        "alt": alt.format(role=role, name=shown.name),
        "dimensions": words.DIMENSIONS.format(width=width, height=height),
    }
    return str(_HTML.photo(shown, card, _faces(sighting, face), found if total > 1 else ""))


def comparing() -> str:
    """The notice while the answer to what is on the page now is being made."""
    return str(_HTML.comparing())


def opener(label: str | Markup, keep: str = "") -> Markup:
    """A button that opens and closes the part of the page it stands in.

    The page remembers what is open under the name `keep`, if there is one.
    """
    return Markup(_HTML.opener(label, keep))


def problem(found: Problem | None) -> Markup:
    """One sentence on what is wrong, announced to screen readers; empty for no problem."""
    return Markup(_HTML.problem(found))


def notice(message: str, more: Markup | str = "") -> str:
    """A plain sentence in place of an answer, and what one can do instead."""
    return str(_HTML.notice(message, more))


def members(shown: Mapping[str, Member], mark: str) -> str:
    """The support set: a face, an editable name and the file's name for each photo.

    While there is an answer, the page shows only how many they are until one asks for the list.
    Photos that cannot be used come first, since a long list is seen in part. Buttons name a photo
    by its key; the focus goes by rows, to the next one if a photo is removed. `mark` tells this
    list from others.
    """
    if not shown:
        return ""
    ordered = sorted(shown.items(), key=lambda item: item[1].embedding is not None)
    return str(_HTML.members(ordered, words.PHOTOS_OF_PEOPLE.say(count=len(shown)), mark))


def unused(shown: Iterable[Member]) -> str:
    """One sentence on how many photos of the support set are not used, "" if all are."""
    used = [member.embedding is not None for member in shown]
    count, total = used.count(False), len(used)
    if not count:
        return ""
    return words.UNUSED_ALL if count == total else words.UNUSED.say(count=count, total=total)


def _faces(sighting: Sighting | None, chosen: int | None) -> list[dict[str, Any]]:
    """The faces of a photo with their places in it, in per cent of its sides."""
    if sighting is None:
        return []
    width, height = sighting.photo.size
    return [
        {
            "face": face,
            "index": index,
            "chosen": index == chosen,
            "label": _label(index, len(sighting.faces), index == chosen),
            "x0": _share(face.box[0], width),
            "y0": _share(face.box[1], height),
            "x1": _share(face.box[2], width),
            "y1": _share(face.box[3], height),
        }
        for index, face in enumerate(sighting.faces)
    ]


def _share(place: float, side: int) -> float:
    return 100 * min(max(place, 0.0), side) / side


def _label(index: int, total: int, chosen: bool) -> str:
    label = words.FACE_OF.format(number=index + 1, total=total)
    return f"{label}, {words.FACE_USED}" if chosen else label
