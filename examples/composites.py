"""Make the example pictures: composites of many photos, so that none of them is anybody.

    pip install mediapipe==0.10.14
    python -m examples.composites faces examples

`cast.json` says which photos each picture is made of: each by its CRC-32, as the ZIP archives in
the folder `faces` store it. They were chosen among the photos that train the network: people who
look alike to a network, by the nearest neighbours of one photo, and of them the most usual ones
once their faces lay on each other. No photo is in two pictures.

Photos are warped, triangle by triangle, so that 478 landmarks of each face and rings around it (for
hair and ears) come to the same places, and averaged where they show somebody, without the lightest
and the darkest (a hat, a hand). An average is smoother than any face, so each band of spatial
frequencies is then raised to the strength that it has in the photos (Tiddeman, Burt and Perrett
2001, "Prototyping and Transforming Facial Textures for Perception Research"). Ground, evening
light and glasses are painted.
"""

import functools
import io
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import mediapipe
import numpy as np
from PIL import Image, ImageFilter
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

CAST = Path(__file__).parent / "cast.json"
SIDE = 480  # px of a composite
SAVED = 384  # px of an example
QUALITY = 95  # of a WebP file; a worse one adds grain to what is blurred
WIDE, DOWN = 0.68, 0.57  # of the picture: width of a face, how far down its middle is
GROUP = ("person B 1", "person C 1", "person D 1")
NEAR = 0.78  # of a picture's width, between two people of a group
# Landmarks of the mesh: outer corners of the eyes, both edges, chin; corners of each eye; between
# the eyes; the outline.
CORNERS, EDGES, CHIN, EYES, BRIDGE = (33, 263), (234, 454), 152, ((33, 133), (362, 263)), 168
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
TRIMMED = 3  # lightest and darkest photos that are left out of each pixel
BANDS = 5
MOST = 2.5  # times by which a band is raised
GREY = np.float32([0.299, 0.587, 0.114])
EVENING = np.float32([0.98, 0.82, 0.64])  # of the light of day, in red, green and blue
FRAME = np.float32([52, 38, 32])  # colour of glasses
FINE = 4  # px in which glasses are drawn for each px


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A photo, uint8 (H, W, 3), and the landmarks of its face, (478, 2) in px."""

    pixels: np.ndarray
    points: np.ndarray


@dataclass(frozen=True, slots=True)
class Role:
    """A picture of the cast: its photos, and how it was taken."""

    photos: tuple[str, ...]
    ground: tuple[tuple[int, int, int], tuple[int, int, int]]
    """A colour at the top, at the bottom."""
    evening: bool = False
    glasses: bool = False


def portraits(folder: Path, wanted: set[str]) -> dict[str, Portrait]:
    """The photos with these checksums. Raises KeyError for one that no archive has."""
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, min_detection_confidence=0.3
    )
    found = {}
    for source in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(source) as photos:
            for file in photos.infolist():
                if f"{file.CRC:08x}" in wanted:
                    found[f"{file.CRC:08x}"] = _portrait(mesh, photos.read(file))
    if missing := wanted - set(found):
        raise KeyError(f"{len(missing)} photos of the cast are in no archive of {folder}.")
    return found


def _portrait(mesh: Any, content: bytes) -> Portrait:
    with Image.open(io.BytesIO(content)) as photo:
        pixels = np.asarray(photo.convert("RGB"))
    side = len(pixels)
    edge = side // 6  # the mesh looks for a face that has room around it
    wider = cv2.copyMakeBorder(pixels, *[edge] * 4, cv2.BORDER_REPLICATE)
    large = cv2.resize(wider, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    marks = mesh.process(large).multi_face_landmarks[0].landmark
    points = np.array([(mark.x, mark.y) for mark in marks]) * len(wider)
    return Portrait(pixels, points - edge)


@functools.cache
def _segmenter() -> Any:
    return mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)


def composite(photos: Sequence[Portrait], role: Role) -> Image.Image:
    """The average of photos of different people, RGBA; it fades out where few show somebody."""
    face = _framed(_mean_shape([photo.points for photo in photos]))
    warped = [_warped(photo, face) for photo in photos]
    inside = _filled(face)
    pixels = _of_one_light(np.array([p for p, _ in warped]), inside)
    covered = np.array([m for _, m in warped]).clip(0, 1)
    mean, sharp = _sharpened(pixels, covered + 0.02, 0.45 + 0.55 * _soft(inside, 61, 8))
    # What nothing aligns is less sharp: hair by half, and what is below the chin out of focus.
    in_focus = np.maximum(_soft(inside, 9, 8), 0.5 * _soft(_head(face), 41, 10))[..., None]
    below = _soft(1 - _head(face), 1, 14)[..., None]
    average = cv2.GaussianBlur(mean, (0, 0), 12) * below + mean * (1 - below)
    shown = sharp * in_focus + average * (1 - in_focus)
    if role.glasses:
        shown = _with_glasses(shown, face)
    share = np.clip((covered.mean(0) - 0.5) / 0.35, 0, 1)
    alpha = 255 * cv2.GaussianBlur(share, (0, 0), 3)[..., None]
    picture = np.concatenate([shown, alpha], axis=2).clip(0, 255).astype(np.uint8)
    return Image.fromarray(picture).resize((SAVED, SAVED), Image.Resampling.LANCZOS)


def before(ground: Sequence[Sequence[int]], people: Sequence[Image.Image]) -> Image.Image:
    """Composites beside each other before a ground of two colours, the middle one in front."""
    step = round(NEAR * SAVED)
    width = SAVED + step * (len(people) - 1)
    down = np.linspace(0, 1, SAVED)[:, None, None]
    colours = np.array(ground[0]) * (1 - down) + np.array(ground[1]) * down
    picture = Image.fromarray(np.repeat(colours, width, axis=1).astype(np.uint8))
    for place in sorted(range(len(people)), key=lambda place: place % 2):
        picture.paste(people[place], (step * place, 0), people[place])
    return picture


def _mean_shape(shapes: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of landmarks (478, 2), each turned and scaled to the first."""
    return np.mean([_moved(shape, _move(shape, shapes[0])) for shape in shapes], axis=0)


def _move(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The similarity transform (2, 3) from points to others."""
    return cv2.estimateAffinePartial2D(points.astype(np.float32), to.astype(np.float32))[0]


def _moved(points: np.ndarray, move: np.ndarray) -> np.ndarray:
    return points @ move[:, :2].T + move[:, 2]


def _framed(face: np.ndarray) -> np.ndarray:
    """Landmarks upright, where a picture has its face."""
    x, y = face[CORNERS[1]] - face[CORNERS[0]]
    upright = np.array([[x, y], [-y, x]]) / np.hypot(x, y)
    wide = np.linalg.norm(face[EDGES[1]] - face[EDGES[0]])
    flat = (face - face[list(OUTLINE)].mean(axis=0)) @ upright.T
    return flat * (WIDE * SIDE / wide) + (0.5 * SIDE, DOWN * SIDE)


def _filled(face: np.ndarray) -> np.ndarray:
    """1 inside the outline of the face, uint8 (SIDE, SIDE)."""
    inside = np.zeros((SIDE, SIDE), np.uint8)
    return cv2.fillConvexPoly(inside, cv2.convexHull(face.astype(np.int32)), 1)


def _head(face: np.ndarray) -> np.ndarray:
    """1 at the face and around it, but not far below the chin, uint8 (SIDE, SIDE)."""
    head = cv2.dilate(_filled(face), np.ones((141, 141)))
    head[int(face[CHIN, 1] + 0.05 * SIDE) :] = 0
    return head


def _soft(mask: np.ndarray, wider: int, fade: float) -> np.ndarray:
    """A mask that is so many px wider and fades out over so many, float32."""
    return cv2.GaussianBlur(
        cv2.dilate(mask, np.ones((wider, wider))).astype(np.float32), (0, 0), fade
    )


def _anchored(face: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Landmarks with two rings around the face and points far outside."""
    outline = face[list(OUTLINE)]
    middle = face.mean(axis=0)
    rings = [middle + (outline[::step] - middle) * far for step, far in ((2, 1.35), (3, 1.8))]
    return np.vstack([face, *rings, corners])


def _warped(photo: Portrait, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A photo, and where it shows somebody (0..1), with its landmarks at those of `face`."""
    line = np.array([-0.6, 0, 0.5, 1, 1.6]) * SIDE
    corners = np.array([(x, y) for x in line for y in line if {x, y} & {line[0], line[-1]}])
    there = _anchored(photo.points, _moved(corners, _move(face, photo.points)))
    triangles = Delaunay(_anchored(face, corners))
    y, x = np.mgrid[:SIDE, :SIDE]
    source = LinearNDInterpolator(triangles, there)(x, y).astype(np.float32)
    large = cv2.resize(photo.pixels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    somebody = cv2.resize(_segmenter().process(large).segmentation_mask, photo.pixels.shape[1::-1])
    return tuple(
        cv2.remap(of, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        for of in (photo.pixels.astype(np.float32), somebody)
    )


def _of_one_light(pixels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Photos (N, SIDE, SIDE, 3) of which each face has the mean colour and contrast of all."""
    skin = pixels[:, inside > 0]
    mean, spread = skin.mean(axis=1), skin.std(axis=1)
    gain = (spread.mean(axis=0) / spread).clip(0.7, 1.4)
    even = (pixels - mean[:, None, None]) * gain[:, None, None] + mean.mean(axis=0)
    return even.astype(np.float32)


def _trimmed_mean(pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of photos (N, SIDE, SIDE, 3), at each pixel without the extreme ones."""
    light = np.array([cv2.GaussianBlur(photo @ GREY, (0, 0), 2) for photo in pixels])
    middle = np.argsort(light, axis=0)[TRIMMED:-TRIMMED]
    share = np.take_along_axis(weights, middle, axis=0)[..., None]
    total = (np.take_along_axis(pixels, middle[..., None], axis=0) * share).sum(0)
    return (total / share.sum(0)).astype(np.float32)


def _sharpened(
    pixels: np.ndarray, weights: np.ndarray, colour: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of photos, and the same with each band of its light as strong as in the photos.

    Colours are not raised, but weakened to the share `colour` (SIDE, SIDE): what many people wear
    and stand before would make fringes of colour.
    """
    mean = _trimmed_mean(pixels, weights)
    grey = mean @ GREY
    mean = grey[..., None] + (mean - grey[..., None]) * colour[..., None]
    bands, of_photos = _bands(grey), [_bands(photo @ GREY) for photo in pixels]
    for level in range(BANDS):
        wanted = np.median([_strength(photo[level]) for photo in of_photos], axis=0)
        bands[level] *= np.clip(wanted / _strength(bands[level]).clip(0.15), 1, MOST)
    sharp = bands[-1]
    for band in bands[-2::-1]:
        sharp = cv2.pyrUp(sharp, dstsize=band.shape[::-1]) + band
    return mean, mean + (sharp - grey)[..., None]


def _bands(picture: np.ndarray) -> list[np.ndarray]:
    """The Laplacian pyramid: BANDS differences, finest first, and what is left."""
    bands = []
    for _ in range(BANDS):
        coarse = cv2.pyrDown(picture)
        bands.append(picture - cv2.pyrUp(coarse, dstsize=picture.shape[::-1]))
        picture = coarse
    return [*bands, picture]


def _strength(band: np.ndarray) -> np.ndarray:
    """How strong a band is around each pixel."""
    return cv2.GaussianBlur(np.abs(band), (0, 0), 6)


def _with_glasses(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """A picture (SIDE, SIDE, 3) whose face wears glasses, with their shadow."""
    lens, frame = (cv2.resize(of, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for of in _rims(face))
    shadow = cv2.GaussianBlur(np.roll(frame, round(0.012 * SIDE), axis=0), (0, 0), 3)[..., None]
    picture = picture * (1 - 0.3 * shadow)
    shine = (
        np.linspace(0.16, 0.02, SIDE)[:, None, None] * cv2.GaussianBlur(lens, (0, 0), 2)[..., None]
    )
    picture = picture * (1 - shine) + 255 * shine
    return picture * (1 - frame[..., None]) + FRAME * frame[..., None]


def _rims(face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the lenses of glasses are, and their frame: two of float32, FINE px for each px."""
    lens, frame = np.zeros((2, SIDE * FINE, SIDE * FINE), np.float32)
    middles = [face[list(eye)].mean(axis=0) for eye in EYES]
    apart = np.linalg.norm(middles[1] - middles[0])
    angle = np.linspace(0, 2 * np.pi, 97)
    # A superellipse: a circle with its corners drawn out.
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    around = np.sign(around) * np.abs(around) ** 0.75 * (0.38 * apart, 0.28 * apart)
    drawn = {"lineType": cv2.LINE_AA, "color": 1.0}
    thick = round(0.0075 * SIDE * FINE)
    for middle, edge, side in zip(middles, EDGES, (-1, 1), strict=True):
        rim = ((around + middle + np.array([0, 0.07 * apart])) * FINE).astype(np.int32)
        cv2.fillPoly(lens, [rim], **drawn)
        cv2.polylines(frame, [rim], True, thickness=thick, **drawn)
        hinge = middle + np.array([side * 0.38 * apart, -0.02 * apart])
        temple = np.array([hinge, face[edge] + (side * 0.02 * SIDE, -0.03 * SIDE)]) * FINE
        cv2.polylines(frame, [temple.astype(np.int32)], False, thickness=thick, **drawn)
    nose = [
        middles[0] + (0.38 * apart, 0),
        face[BRIDGE] + (0, 0.02 * SIDE),
        middles[1] - (0.38 * apart, 0),
    ]
    cv2.polylines(
        frame, [(np.array(nose) * FINE).astype(np.int32)], False, thickness=thick, **drawn
    )
    return lens, frame


def in_evening_light(picture: Image.Image) -> Image.Image:
    """As a lamp to the left lights it: warm, and little on the right."""
    light = np.linspace(1, 0.38, picture.width)[:, None] * EVENING
    return Image.fromarray((np.asarray(picture) * light).clip(0, 255).astype(np.uint8))


def blurred(picture: Image.Image) -> Image.Image:
    """As a telephone takes it from afar, in motion: little detail, enlarged."""
    small = picture.resize((SAVED // 13, SAVED // 13), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(1.5)).resize(picture.size)


def cast(file: Path) -> dict[str, Role]:
    """The pictures by their names."""
    return {name: Role(**role) for name, role in json.loads(file.read_text()).items()}


def pictures(roles: Mapping[str, Role], photos: Mapping[str, Portrait]) -> dict[str, Image.Image]:
    """Every picture of the cast, a blurred one, and a group."""
    people = {
        name: composite([photos[p] for p in role.photos], role) for name, role in roles.items()
    }
    shown = {name: before(roles[name].ground, [person]) for name, person in people.items()}
    lit = {name: in_evening_light(shown[name]) for name, role in roles.items() if role.evening}
    group = before(roles[GROUP[0]].ground, [people[name] for name in GROUP])
    return {**shown, **lit, "person B blurred": blurred(shown["person B 2"]), "group": group}


def main(folder: Path, out: Path) -> None:
    """Write every picture as a WebP file."""
    roles = cast(CAST)
    photos = portraits(folder, {photo for role in roles.values() for photo in role.photos})
    for name, picture in pictures(roles, photos).items():
        picture.save(out / f"{name}.webp", quality=QUALITY)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
