"""Which parts of a face speak for "same" and which against: cover a part, see how the logit moves.

Occlusion (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks"): a patch
is laid over each cell of a grid in turn, with a soft rim, of what says nothing about a person but
has the photo's own light and colours: black boxes would be features themselves. Two such fillings
are averaged, one smooth and one rough, so that neither's own look decides.

Pure: the network comes in as a function from crops to logits.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Score = Callable[[np.ndarray], np.ndarray]  # crops, uint8 (N, S, S, C) -> logits, float (N,)
Filling = Callable[[np.ndarray], np.ndarray]  # a crop, uint8 (S, S, C) -> float32 of that shape

CELLS = 8  # a side of the grid
PATCH = 2.0  # cells; side of the patch that is laid over a cell, so patches overlap
RIM = 1.0  # cells; over which a patch fades
BATCH = 64  # covered crops to a batch of the network

# How it is drawn; effects are shares of the largest one in both faces.
MARKED = 0.4  # from here on a cell bears its sign, not only its colour
FAINT = 0.06  # below this a cell is left clear
STRENGTH = 0.85  # how much the colour of the largest effect covers
FOR, AGAINST = "#00c489", "#ff6a1f"
SHOWN = 384  # px; side of a face in `draw`


def blurred(crop: np.ndarray) -> np.ndarray:
    """The crop without detail: light and skin stay, features go."""
    radius = crop.shape[0] / 8
    planes = [
        Image.fromarray(np.ascontiguousarray(crop[:, :, channel])).filter(
            ImageFilter.GaussianBlur(radius)
        )
        for channel in range(crop.shape[2])
    ]
    return np.stack([np.asarray(plane, np.float32) for plane in planes], axis=2)


def grain(crop: np.ndarray) -> np.ndarray:
    """Noise with the mean and the spread of the crop's colours, the same for every crop."""
    noise = np.random.default_rng(0).standard_normal(crop.shape)
    return np.clip(crop.mean((0, 1)) + crop.std((0, 1)) * noise, 0, 255).astype(np.float32)


FILLINGS: tuple[Filling, ...] = (blurred, grain)


def influence(crop: np.ndarray, score: Score, fillings: Sequence[Filling] = FILLINGS) -> np.ndarray:
    """How much the logit falls when the patch over each cell is covered.

    Args:
        crop: uint8 (S, S, C).
        score: logits of crops against the other face.

    Returns:
        float32 (CELLS, CELLS), row by row from the top: positive where the face speaks for "same".
    """
    masks = patches(crop.shape[0])
    whole = float(score(crop[None])[0])
    falls = [
        whole - np.asarray(score(cover(crop, masks[start : start + BATCH], filling(crop))), float)
        for filling in fillings
        for start in range(0, len(masks), BATCH)
    ]
    return np.concatenate(falls).reshape(len(fillings), CELLS, CELLS).mean(0).astype(np.float32)


def patches(side: int) -> np.ndarray:
    """The patch over each cell: float32 (CELLS * CELLS, side, side), 1 where it covers fully."""
    position = (np.arange(side) + 0.5) * CELLS / side
    centre = np.arange(CELLS)[:, None] + 0.5
    inside = (PATCH / 2 - np.abs(position - centre)) / RIM + 0.5
    line = np.clip(inside, 0, 1).astype(np.float32)
    return (line[:, None, :, None] * line[None, :, None, :]).reshape(-1, side, side)


def cover(crop: np.ndarray, masks: np.ndarray, filling: np.ndarray) -> np.ndarray:
    """The crop (S, S, C), covered by each of the masks (N, S, S) in turn: uint8 (N, S, S, C)."""
    share = masks[..., None]
    return np.rint(crop + share * (filling - crop)).astype(np.uint8)


def draw(crops: Sequence[np.ndarray], influences: Sequence[np.ndarray]) -> Image.Image:
    """The two crops, uint8 (S, S, C), side by side under their influences, on one scale.

    Green with a plus where covering a part made the two less alike, so that it speaks for "same";
    orange with a minus where it made them more alike.
    """
    largest = max(float(np.abs(grid).max()) for grid in influences) or 1.0
    picture = Image.new("RGB", (SHOWN * len(crops), SHOWN))
    for place, (crop, grid) in enumerate(zip(crops, influences, strict=True)):
        picture.paste(_drawn(crop, np.asarray(grid) / largest), (place * SHOWN, 0))
    return picture


def _drawn(crop: np.ndarray, shares: np.ndarray) -> Image.Image:
    levels = crop[:, :, 0] if crop.shape[2] == 1 else crop
    face = Image.fromarray(levels).convert("RGB").resize((SHOWN, SHOWN))
    side = SHOWN // len(shares)
    sign = side // 5
    for (row, column), share in np.ndenumerate(shares):
        if abs(share) < FAINT:
            continue
        x, y = column * side, row * side
        mask = Image.new("L", (side, side), round(255 * STRENGTH * abs(share)))
        face.paste(FOR if share > 0 else AGAINST, (x, y, x + side, y + side), mask)
        if abs(share) >= MARKED:
            pen, cx, cy = ImageDraw.Draw(face), x + side // 2, y + side // 2
            pen.line((cx - sign, cy, cx + sign, cy), "white", 3)
            if share > 0:
                pen.line((cx, cy - sign, cx, cy + sign), "white", 3)
    return face
