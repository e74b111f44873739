"""HTML for photos: one photo with the faces found in it, and the gallery of the support set.

Everything that comes from outside goes through `Markup.format`, which escapes it.
"""

from collections.abc import Iterable, Mapping

from markupsafe import Markup

from siamese.faces.detector import Face
from siamese.verifier import Sighting
from ui import draw, words
from ui.visit import Member, Problem, Shown

SMALL = 120  # px; lower pictures are enlarged to this height

_CARD = Markup(
    '<figure class="photo" data-say="{say}">'
    '<div class="frame"><div class="sheet{small}">'
    '<img src="{picture}" alt="{alt}">{boxes}</div></div>'
    '<figcaption><span class="name">{name}</span>{dimensions}</figcaption>'
    "{problem}{faces}"
    '<div class="tools">{buttons}</div></figure>'
)
_BOX = Markup(
    '<button type="button" class="face{chosen}{low}" style="left:{left}%;top:{top}%;width:{width}%;'
    'height:{height}%" data-do="face" data-face="{index}" data-key="box-{index}"'
    ' aria-pressed="{pressed}" aria-label="{label}">'
    '<span aria-hidden="true">{number}</span></button>'
)
_CHIP = Markup(
    '<button type="button" class="chip{chosen}" data-do="face" data-face="{index}"'
    ' data-key="chip-{index}" aria-pressed="{pressed}" aria-label="{label}">'
    '<img src="{crop}" alt=""><span aria-hidden="true">{number}</span></button>'
)
_BUTTON = Markup(
    '<button type="button" class="quiet" data-do="{do}" data-key="{do}">{label}</button>'
)
_OPENER = Markup(
    '<button type="button" class="quiet opener" data-opens="{keep}" aria-expanded="false">{label}'
    "</button>"
)
_MEMBER = Markup(
    # A name as long as it is: a text area grows with it. The page goes by the attribute `value`.
    '<li class="member{state}"><div class="portrait">{picture}</div>'
    '<div class="who"><textarea rows="1" value="{person}" maxlength="80" data-do="rename"'
    ' data-member="{key}" data-list="{mark}" data-key="name-{row}" aria-label="{label}"'
    ' autocomplete="off"'
    ' spellcheck="false"{disabled}>{person}</textarea><span class="file">{file}</span>'
    "{note}{problem}</div>"
    '<button type="button" class="remove" data-do="remove" data-member="{key}"'
    ' data-key="remove-{row}" aria-label="{remove}" title="{remove}">×</button></li>'
)


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
    several = sighting is not None and len(sighting.faces) > 1
    if face is None:
        face = shown.face if several and all_count else shown.chosen
    found = words.SEVERAL_COMPARED if all_count else words.SEVERAL_FACES
    buttons = [
        _BUTTON.format(do="clear", label=_shortened(words.ANOTHER_PHOTO)),
        opener(_shortened(words.SHOW_PHOTO)),
    ]
    if not shown.more:
        buttons.append(_BUTTON.format(do="more", label=words.MORE_FACES))
    alt = words.PHOTO_ALT if sighting else words.PHOTO_ALT_BARE
    size = shown.photo.size if shown.photo else (0, 0)
    card = _CARD.format(
        # Enlarged to be seen; a strip so enlarged would be squeezed to the width of the page.
        small=" small" if size[1] < SMALL and size[0] <= 2 * size[1] else "",
        say=_faces_found(len(sighting.faces), found) if sighting else "",
        picture=shown.picture,
        alt=alt.format(role=role, name=shown.name),
        boxes=_boxes(sighting, face) if sighting else "",
        name=shown.name,
        dimensions=Markup('<span class="size">{}</span>').format(
            words.DIMENSIONS.format(width=size[0], height=size[1])
        ),
        problem=problem(shown.problem),
        faces=_chips(sighting, face, found) if sighting and several else "",
        buttons=Markup("").join(buttons),
    )
    return str(card)


def comparing() -> str:
    """The notice while the answer to what is on the page now is being made."""
    said = Markup('<div class="waiting comparing" data-say="{}"><p>{}</p></div>')
    return str(said.format(words.COMPARING, words.COMPARING))


def opener(label: str | Markup, keep: str = "") -> Markup:
    """A button that opens and closes the part of the page it stands in.

    The page remembers what is open under the name `keep`, if there is one.
    """
    return _OPENER.format(label=label, keep=keep)


def problem(found: Problem | None) -> Markup:
    """One sentence on what is wrong, announced to screen readers; empty for no problem."""
    if found is None:
        return Markup("")
    return Markup('<p class="problem" role="alert" data-code="{}">{}</p>').format(
        found.code, found.message
    )


def notice(message: str, more: Markup | str = "") -> str:
    """A plain sentence in place of an answer, and what one can do instead."""
    return str(
        Markup('<div class="waiting" data-say="{}"><p>{}</p>{}</div>').format(
            message, message, more
        )
    )


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
    rows = Markup("").join(
        _member(row, key, member, mark) for row, (key, member) in enumerate(ordered)
    )
    return str(
        Markup(
            '<div class="summary"><span>{}</span>{}</div>'
            '<p class="hint">{}</p><ul class="members">{}</ul>'
        ).format(
            words.PHOTOS_OF_PEOPLE.format(count=len(shown))
            if len(shown) > 1
            else words.PHOTO_OF_ONE,
            opener(words.SHOW_PEOPLE),
            words.PERSON_NAME_HINT,
            rows,
        )
    )


def unused(shown: Iterable[Member]) -> str:
    """One sentence on how many photos of the support set are not used, "" if all are."""
    used = [member.embedding is not None for member in shown]
    count, total = used.count(False), len(used)
    if not count:
        return ""
    if count == total:
        return words.UNUSED_ALL
    return (words.UNUSED_ONE if count == 1 else words.UNUSED).format(count=count, total=total)


def _member(row: int, key: str, member: Member, mark: str) -> Markup:
    shown = member.shown
    picture = Markup('<img src="{}" alt="">').format(shown.picture) if shown.picture else ""
    unusable = member.embedding is None
    reason = Markup("<strong>{}:</strong> {}").format(
        words.NOT_USED, (shown.problem or Problem("", "")).message
    )
    return _MEMBER.format(
        state=" unusable" if unusable else "",
        picture=picture or Markup('<span class="blank" aria-hidden="true">?</span>'),
        person=member.person,
        row=row,
        key=key,
        mark=mark,
        label=words.PERSON_NAME.format(photo=shown.name),
        file=shown.name,
        note=Markup("").join(
            Markup('<p class="several" role="note">{}</p>').format(said)
            for said in (
                *([words.MEMBER_FACES.format(count=member.faces)] if member.faces > 1 else []),
                *member.warnings,
            )
        ),
        problem=Markup('<p class="problem" role="note">{}</p>').format(reason) if unusable else "",
        remove=words.REMOVE_PHOTO.format(photo=shown.name),
        disabled=Markup(" disabled") if unusable else "",
    )


def _boxes(sighting: Sighting, chosen: int | None) -> Markup:
    width, height = sighting.photo.size
    # The chosen one last, so that it lies on top where boxes overlap.
    order = sorted(range(len(sighting.faces)), key=lambda index: index == chosen)
    return Markup("").join(
        _box(sighting.faces[index], index, chosen, (width, height), len(sighting.faces))
        for index in order
    )


def _box(face: Face, index: int, chosen: int | None, size: tuple[int, int], total: int) -> Markup:
    x0, x1 = (100 * min(max(x, 0.0), size[0]) / size[0] for x in (face.box[0], face.box[2]))
    y0, y1 = (100 * min(max(y, 0.0), size[1]) / size[1] for y in (face.box[1], face.box[3]))
    return _BOX.format(
        chosen=" chosen" if index == chosen else "",
        # The number stands above the face unless that is out of the picture.
        low="" if y0 > 15 else " inside",
        left=f"{x0:.2f}",
        top=f"{y0:.2f}",
        width=f"{x1 - x0:.2f}",
        height=f"{y1 - y0:.2f}",
        index=index,
        pressed="true" if index == chosen else "false",
        label=_face_label(index, total, index == chosen),
        number=index + 1,
    )


def _chips(sighting: Sighting, chosen: int | None, found: str) -> Markup:
    total = len(sighting.faces)
    chips = Markup("").join(
        _CHIP.format(
            chosen=" chosen" if index == chosen else "",
            index=index,
            pressed="true" if index == chosen else "false",
            label=_face_label(index, total, index == chosen),
            crop=draw.crop(face),
            number=index + 1,
        )
        for index, face in enumerate(sighting.faces)
    )
    return Markup(
        '<p class="hint">{}</p><div class="chips" role="group" aria-label="{}">{}</div>'
    ).format(found.format(count=total), words.CHOOSE_FACE, chips)


def _shortened(label: str) -> Markup:
    """A label whose first word is enough to see where room is short; the rest is still read out."""
    first, _, rest = label.partition(" ")
    return Markup('{}<span class="rest"> {}</span>').format(first, rest)


def _faces_found(count: int, several: str) -> str:
    return words.ONE_FACE if count == 1 else several.format(count=count)


def _face_label(index: int, total: int, chosen: bool) -> str:
    label = words.FACE_OF.format(number=index + 1, total=total)
    return f"{label}, {words.FACE_USED}" if chosen else label
