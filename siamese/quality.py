"""What may make an answer less reliable: warnings about the chosen face of a photo. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from siamese.faces import Face
from siamese.schema import WarningDict

SMALL_FACE = 40.0  # px, shorter side of the box
LOW_SCORE = 0.97


class Flag(StrEnum):
    """The stable names of the warnings."""

    SEVERAL_FACES = "several_faces"
    SMALL_FACE = "small_face"
    LOW_SCORE = "low_score"
    TURNED = "turned"


@dataclass(frozen=True, slots=True)
class Warning:
    """A flag with one sentence on why it was raised and what to do."""

    flag: Flag
    message: str

    def to_dict(self) -> WarningDict:
        """The warning as data: `code` and `message`."""
        return {"code": self.flag.value, "message": self.message}


def warnings_for(face: Face, num_faces: int) -> tuple[Warning, ...]:
    """The warnings for the chosen face of a photo that shows `num_faces` faces."""
    found = []
    if num_faces > 1:
        text = (
            f"{num_faces} faces were found; the largest near the centre is used unless you choose."
        )
        found.append(Warning(Flag.SEVERAL_FACES, text))
    x0, y0, x1, y1 = face.box
    side = min(x1 - x0, y1 - y0)
    if side < SMALL_FACE:
        text = f"The face is only {side:.0f} pixels wide; a larger photo gives a surer answer."
        found.append(Warning(Flag.SMALL_FACE, text))
    if face.score < LOW_SCORE:
        text = "This may not be a face, or it is hidden in part; try a clearer photo."
        found.append(Warning(Flag.LOW_SCORE, text))
    if face.turned:
        text = f"The photo was turned by {face.turned} degrees to find the face."
        found.append(Warning(Flag.TURNED, text))
    return tuple(found)
