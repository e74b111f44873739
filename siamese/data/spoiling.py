"""Photos that are worse than those that were kept: aligned crops, spoiled in one way at a time."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from siamese.data.people import yaw_of
from siamese.faces import quality
from siamese.faces.alignment import TEMPLATE, Alignment, Window
from siamese.faces.detector import Face
from siamese.faces.quality import TELL_LITTLE, Flag

TURNED_AWAY = 40  # degrees, about where `quality.TURNED_AWAY` begins
USUAL = Alignment()  # the part of a face that lengths and shares are told of


@dataclass(frozen=True, slots=True)
class Seen:
    """What of a spoiled photo the product sees: the crop, and how it lay in the photo.

    The crop shows this `window` of the template. `width` is that of the usual part in the photo,
    px; `right` and `below` are its shares that lie beyond the photo's right and lower edge.
    """

    crop: np.ndarray
    window: Window
    width: float = USUAL.size
    right: float = 0
    below: float = 0

    def flags(self) -> set[Flag]:
        """What the product warns of."""
        scale = self.width / USUAL.size
        points = [(z.real * scale, z.imag * scale) for z in USUAL.target.tolist()]
        size = round(self.width * (1 - self.right)), round(self.width * (1 - self.below))
        face = Face((0, 0, *size), tuple(points), 1.0, self.crop)
        return {warning.code for warning in quality.warnings_for(face, 1, size, self.window)}


Spoil = Callable[[np.ndarray, float, Window], Seen]  # crop, uint8 (S, S, C), step, what it shows


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way of spoiling a crop, its steps from mild to strong, and the warnings it calls for."""

    spoil: Spoil
    steps: tuple[float, ...]
    flags: tuple[Flag, ...]


def smaller(crop: np.ndarray, width: float, window: Window) -> Seen:
    """As if the usual part of the face had been this many px wide in the photo."""
    image, side = Image.fromarray(crop), round(width / USUAL.size * (window[2] - window[0]))
    small = image.resize((side, side), Image.Resampling.HAMMING)
    again = np.asarray(small.resize(image.size, Image.Resampling.BICUBIC))
    return Seen(again, window, width)


def blurred(crop: np.ndarray, sigma: float, window: Window) -> Seen:
    """Gaussian blur, in hundredths of the usual part's side."""
    radius = sigma / 100 * USUAL.size * len(crop) / (window[2] - window[0])
    blurry = Image.fromarray(crop).filter(ImageFilter.GaussianBlur(radius))
    return Seen(np.asarray(blurry), window)


def relit(crop: np.ndarray, gain: float, window: Window) -> Seen:
    """Light times `gain`: what is lost in the dark or beyond white stays lost."""
    return Seen(np.clip(np.rint(crop * float(gain)), 0, 255).astype(np.uint8), window)


def covered(crop: np.ndarray, top: float, bottom: float, window: Window) -> Seen:
    """Behind something plain between these shares of the height, as a mask, glasses or a hand."""
    hidden = crop.copy()
    hidden[_px(crop, top, 1, window) : _px(crop, bottom, 1, window)] = _plain(crop)
    return Seen(hidden, window)


def shaded(crop: np.ndarray, through: float, window: Window) -> Seen:
    """Behind sunglasses that let this share of the light through."""
    worn = np.where(lenses(crop, window)[..., None], crop * float(through), crop)
    return Seen(np.rint(worn).astype(np.uint8), window)


def lenses(crop: np.ndarray, window: Window) -> np.ndarray:
    """Where the lenses of glasses are in a crop that shows this window: bool (S, S)."""
    x0, y0, x1, _ = window
    place = (np.arange(len(crop)) + 0.5) * (x1 - x0) / len(crop)
    worn = np.zeros(crop.shape[:2], bool)
    for x, y in TEMPLATE[:2]:
        across, down = np.abs(place + x0 - x) / 13, np.abs(place + y0 - y - 1) / 9.5
        worn |= across[None] ** 4 + down[:, None] ** 4 < 1
    return worn


def cut_off(crop: np.ndarray, share: float, axis: int, window: Window) -> Seen:
    """The photo ends before the right (0) or lower edge (1), and is continued as by `alignment`."""
    kept = np.minimum(np.arange(len(crop)), _px(crop, 1 - share, axis, window) - 1)
    beyond = {"below" if axis else "right": share}
    return Seen(np.take(crop, kept, 1 - axis), window, **beyond)


def _px(crop: np.ndarray, share: float, axis: int, window: Window) -> int:
    """Where a share of the usual part's side ends in a crop, from the left (0) or the top (1)."""
    low, high = USUAL.window[axis], USUAL.window[axis + 2]
    place = low + share * (high - low) - window[axis]
    return max(0, round(place * len(crop) / (window[2] - window[0])))


EYES = 0.33  # where the eyes are in the usual part
# Small faces and blur look the same in a crop: either warning will do.
SOFT = (Flag.SMALL_FACE, Flag.BLURRED)
DEGRADATIONS: dict[str, Degradation] = {
    "face smaller: px wide": Degradation(smaller, (48, 40, 32, 28, 24, 20, 16), SOFT),
    "blur: hundredths of the face": Degradation(blurred, (1, 1.5, 2, 2.5, 3, 4), SOFT),
    "darker: light times": Degradation(relit, (0.5, 0.25, 0.2, 0.15, 0.1, 0.05), (Flag.TOO_DARK,)),
    "brighter: light times": Degradation(relit, (1.5, 1.75, 2, 2.5, 3), (Flag.TOO_BRIGHT,)),
    "covered from below: share": Degradation(
        lambda crop, share, window: covered(crop, 1 - share, 1, window),
        (0.15, 0.25, 0.35, 0.5),
        (Flag.COVERED,),
    ),
    "bar over the eyes: share": Degradation(
        lambda crop, share, window: covered(crop, EYES - share / 2, EYES + share / 2, window),
        (0.1, 0.15, 0.2, 0.3),
        (Flag.COVERED,),
    ),
    "sunglasses: light let through": Degradation(shaded, (0.6, 0.4, 0.2, 0.1), (Flag.COVERED,)),
    "cut off below: share": Degradation(
        lambda crop, share, window: cut_off(crop, share, 1, window),
        (0.1, 0.2, 0.3, 0.4),
        (Flag.CUT_OFF,),
    ),
    "cut off beside: share": Degradation(
        lambda crop, share, window: cut_off(crop, share, 0, window),
        (0.1, 0.2, 0.3, 0.4),
        (Flag.CUT_OFF,),
    ),
}


def _plain(crop: np.ndarray) -> np.ndarray:
    """Black, white, or the crop's mean; its content decides, so each covers a third of them."""
    mean = crop.mean((0, 1))
    return np.array([0 * mean, 0 * mean + 255, mean][int(crop.sum(dtype=np.int64)) % 3])


def warned_of(crops: np.ndarray, names: Sequence[str], window: Window) -> np.ndarray:
    """Of which crops, uint8 (N, S, S, C), the product warns as they are: bool (N,).

    They show this window of the template. What a crop does not show, its picture's name may: how
    far the head is turned.
    """
    return np.array(
        [
            bool(Seen(crop, window).flags() & TELL_LITTLE) or (yaw_of(name) or 0) > TURNED_AWAY
            for crop, name in zip(crops, names, strict=True)
        ],
        bool,
    )


def spoiled(
    crops: np.ndarray, names: Sequence[str], warned: np.ndarray, window: Window
) -> np.ndarray:
    """Crops of which the product warns: those `warned` of as they are, and others made worse.

    All uint8 (N, S, S, C), of this window of the template; `warned` is bool (N,). How they are made
    worse is drawn at random, by a picture's name.
    """
    return np.stack(
        [
            crop if as_it_is else _spoiled(crop, name, window)
            for crop, name, as_it_is in zip(crops, names, warned, strict=True)
        ]
    )


def _spoiled(crop: np.ndarray, name: str, window: Window) -> np.ndarray:
    """The first step, in random order, whose result is warned of: the smallest faces always are."""
    steps = [(way.spoil, step) for way in DEGRADATIONS.values() for step in way.steps]
    order = np.random.default_rng(zlib.crc32(name.encode())).permutation(len(steps))
    tried = (steps[place][0](crop, steps[place][1], window) for place in order)
    return next(seen.crop for seen in tried if seen.flags() & TELL_LITTLE)
