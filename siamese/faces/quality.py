"""What may make an answer less reliable: warnings about the chosen face of a photo. Pure.

Each limit is about where half as many genuine pairs again are missed, at the operating point of 1 %
false matches, as with ordinary photos of people the network never saw; it holds for a network like
the embedded one. Size, blur, light, covering and cut-off: their crops were spoiled step by step
(`worse_photos`). Pose and score: their crops as they are (`unusual_photos`). What
all of them do on LFW, where none was fitted but when a photo is looked at turned, is measured too
(`warnings`). The tables stand in the model card.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import numpy as np
from PIL import Image, ImageFilter
from pydantic import WithJsonSchema
from pydantic.dataclasses import dataclass

from siamese.faces.alignment import Alignment, Point, Window, crop_scale, similarity
from siamese.faces.detector import Face
from siamese.values import STRICT, Value

Size = tuple[int, int]  # width, height of the photo, px

SMALL_FACE = 26.0  # px, see `width`
BLURRED = 0.085  # see `sharpness`
TOO_DARK = 28.0  # see `light`
TOO_BRIGHT = 235.0  # see `light`
COVERED = 0.6  # see `detail`
SHADED = 0.23  # see `eyes_light`; of 100 such pictures of 10,088, nearly all showed sunglasses
TURNED_AWAY = 0.4  # see `nose_offset`; about 40 degrees to the side
CUT_OFF = 0.28  # see `outside`
LOW_SCORE = 0.97  # the detector's; it takes nothing below 0.9 for a face

# Parts of the crop's usual part, as shares of its side: x0, y0, x1, y1.
MIDDLE = (0.15, 0.15, 0.85, 0.85)
EYES_AND_MOUTH = (
    (0.21, 0.25, 0.43, 0.42),
    (0.57, 0.25, 0.79, 0.42),
    (0.31, 0.67, 0.69, 0.85),
)
CHEEKS_AND_NOSE = ((0.2, 0.48, 0.4, 0.62), (0.6, 0.48, 0.8, 0.62), (0.42, 0.35, 0.58, 0.6))


class Flag(StrEnum):
    """The stable names of the warnings."""

    SEVERAL_FACES = "several_faces"
    SMALL_FACE = "small_face"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    TURNED_AWAY = "turned_away"
    CUT_OFF = "cut_off"
    COVERED = "covered"
    LOW_SCORE = "low_score"
    TURNED = "turned"
    STRETCHED = "stretched"


# What makes a face tell less of who it is; the others say which face it is, and how it lay.
TELL_LITTLE = frozenset(Flag) - {Flag.SEVERAL_FACES, Flag.TURNED, Flag.STRETCHED}


@dataclass(frozen=True, slots=True, config=STRICT)
class QualityWarning(Value):
    """What may make the answer less reliable."""

    code: Annotated[Flag, WithJsonSchema({"type": "string"})]
    message: str


MESSAGES: dict[Flag, str] = {
    Flag.SEVERAL_FACES: "{faces} faces were found; the largest near the centre is used unless you"
    " choose.",
    Flag.SMALL_FACE: "The face is only {width:.0f} pixels wide; use a larger or closer photo.",
    Flag.BLURRED: "The face is blurred; use a photo in focus, taken with a steady hand.",
    Flag.TOO_DARK: "The face is too dark; use a photo with light on the face.",
    Flag.TOO_BRIGHT: "The face is too bright; use a photo with softer light or less exposure.",
    Flag.TURNED_AWAY: "The face is turned to the side; use a photo taken from the front.",
    Flag.CUT_OFF: "{outside:.0f} % of the face is outside the photo; use one that shows all of it.",
    Flag.COVERED: "An eye or the mouth seems to be covered; use a photo that shows the whole face.",
    Flag.LOW_SCORE: "This may not be a face, or it is hidden in part; try a clearer photo.",
    Flag.TURNED: "The photo was turned by {turned} degrees to find the face; if that is wrong, turn"
    " it upright before.",
    Flag.STRETCHED: "The photo seems to be stretched or squeezed by a factor of {stretch:.1f};"
    " that was put right as far as that is sure; use it as it was taken.",
}


def warnings_for(
    face: Face, num_faces: int, size: Size, window: Window
) -> tuple[QualityWarning, ...]:
    """The warnings for the chosen face of a photo of `size` that shows `num_faces` faces.

    The crop shows this window of the template. A picture that is compared whole has no landmarks,
    so there is nothing to warn of.
    """
    if not face.landmarks:
        return ()
    seen = usual_part(face.crop, window)
    wide, beyond, bright = width(face.landmarks), outside(face.landmarks, size), light(seen)
    blurry = sharpness(seen) < BLURRED
    due = {
        Flag.SEVERAL_FACES: num_faces > 1,
        Flag.SMALL_FACE: wide < SMALL_FACE,
        Flag.BLURRED: blurry,
        Flag.TOO_DARK: bright < TOO_DARK,
        Flag.TOO_BRIGHT: bright > TOO_BRIGHT,
        Flag.TURNED_AWAY: abs(nose_offset(face.landmarks)) > TURNED_AWAY,
        Flag.CUT_OFF: beyond > CUT_OFF,
        # A blur takes the detail of eyes and mouth first, and hides nothing else.
        Flag.COVERED: (detail(seen) < COVERED and not blurry) or eyes_light(seen) < SHADED,
        Flag.LOW_SCORE: face.score < LOW_SCORE,
        Flag.TURNED: face.turned != 0,
        Flag.STRETCHED: face.stretched != 1,
    }
    found = {
        "faces": num_faces,
        "width": wide,
        "outside": 100 * beyond,
        "turned": face.turned,
        "stretch": max(face.stretched, 1 / face.stretched),
    }
    return tuple(QualityWarning(flag, MESSAGES[flag].format(**found)) for flag in due if due[flag])


def usual_part(crop: np.ndarray, window: Window) -> np.ndarray:
    """What a crop, uint8 (S, S, C), that shows this window shows of the usual one, `Alignment`'s.

    The limits hold for that part, and a network may be shown more or less of a face. What is
    missing at an edge is continued. Uint8 (P, P, C), a pixel being as large as it was.
    """
    x0, y0, x1, y1 = Alignment().window
    scale = len(crop) / (window[2] - window[0])
    side = round((x1 - x0) * scale)
    along = (np.arange(side) + 0.5) / side
    columns = ((x0 - window[0] + along * (x1 - x0)) * scale).astype(np.int64)
    rows = ((y0 - window[1] + along * (y1 - y0)) * scale).astype(np.int64)
    last = len(crop) - 1
    return crop[np.ix_(rows.clip(0, last), columns.clip(0, last))]


def width(landmarks: Sequence[Point]) -> float:
    """How wide the face is in the photo, from ear to ear, px: what a crop of 96 px shows."""
    alignment = Alignment()
    return alignment.size / crop_scale(landmarks, alignment)


def sharpness(crop: np.ndarray) -> float:
    """How much of the middle's detail is fine: 0 for none; an ordinary sharp crop has 0.3.

    The spread of what a blur of 1 % of the side takes away, by that of what one of 4 % takes away:
    light and contrast cancel out.
    """
    grey, side = _stretched(_grey(crop)), crop.shape[0]
    fine, coarse = (_middle(np.abs(grey - _blur(grey, share * side))) for share in (0.0104, 0.0417))
    return float(np.sqrt(np.mean(fine**2)) / (np.sqrt(np.mean(coarse**2)) + 1e-3))


def light(crop: np.ndarray) -> float:
    """The median grey level of the middle of the crop, 0 to 255."""
    return float(np.median(_middle(_grey(crop))))


def detail(crop: np.ndarray) -> float:
    """How much there is to see at the eyes and the mouth, by the middle of the crop.

    The least of the three; ordinary faces have 1 to 2, a plain thing in front of one gives 0.
    """
    grey = _stretched(_grey(crop))
    change = np.abs(grey - _blur(grey, 0.0208 * crop.shape[0]))
    parts = [float(_part(change, part).mean()) for part in EYES_AND_MOUTH]
    return min(parts) / (float(_middle(change).mean()) + 0.3)


def eyes_light(crop: np.ndarray) -> float:
    """How light the lighter eye is beside cheeks and nose: 0.8 as a rule, 0.1 behind sunglasses."""
    grey = _grey(crop)
    eyes = [float(np.median(_part(grey, part))) for part in EYES_AND_MOUTH[:2]]
    skin = np.concatenate([_part(grey, part).ravel() for part in CHEEKS_AND_NOSE])
    return max(eyes) / max(8.0, float(np.median(skin)))


def nose_offset(landmarks: Sequence[Point]) -> float:
    """How far the nose is from the middle of eyes and mouth, sideways, in distances of the eyes.

    0 from the front; a nose stands out by nearly half that distance, so 0.3 is some 35 degrees.
    """
    left_eye, right_eye, nose, *mouth = _upright(landmarks)
    middle = (left_eye.real + right_eye.real + mouth[0].real + mouth[1].real) / 4
    return float((nose.real - middle) / max(1e-6, right_eye.real - left_eye.real))


def nose_height(landmarks: Sequence[Point]) -> float:
    """Where the nose is between the line of the eyes (0) and that of the mouth (1); about 0.5.

    No warning depends on it: faces that look up or down are missed no more often than others.
    """
    left_eye, right_eye, nose, *mouth = _upright(landmarks)
    eyes, lips = (left_eye.imag + right_eye.imag) / 2, (mouth[0].imag + mouth[1].imag) / 2
    return float((nose.imag - eyes) / max(1e-6, lips - eyes))


def outside(landmarks: Sequence[Point], size: Size) -> float:
    """The share of the aligned crop that lies beyond the edge of the photo, 0 to 1."""
    alignment = Alignment()
    a, b = similarity(landmarks, alignment.target)
    line = (np.arange(24) + 0.5) * alignment.size / 24
    points = (line[None] + 1j * line[:, None] - b) / a
    inside = (points.real >= 0) & (points.real <= size[0])
    inside &= (points.imag >= 0) & (points.imag <= size[1])
    return float(1 - inside.mean())


def _upright(landmarks: Sequence[Point]) -> np.ndarray:
    """The landmarks (5,) as complex numbers, turned so that the eyes lie on a level."""
    points = np.array([complex(x, y) for x, y in landmarks])
    across = points[1] - points[0]
    return np.asarray(points * np.conj(across) / max(1e-6, abs(across)))


def _grey(crop: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(crop).convert("L"), np.float32)


def _stretched(grey: np.ndarray) -> np.ndarray:
    """From 0 to 255, so that rounding does not destroy the detail of a dark picture."""
    low, high = float(grey.min()), float(grey.max())
    return np.asarray((grey - low) * (255 / max(1.0, high - low)), np.float32)


def _blur(grey: np.ndarray, radius: float) -> np.ndarray:
    image = Image.fromarray(np.rint(grey).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32)


def _middle(grey: np.ndarray) -> np.ndarray:
    return _part(grey, MIDDLE)


def _part(grey: np.ndarray, part: tuple[float, float, float, float]) -> np.ndarray:
    x0, y0, x1, y1 = (round(share * grey.shape[0]) for share in part)
    return grey[y0:y1, x0:x1]
