"""Make the example pictures: composites of many photos, so that none of them is anybody.

    pip install mediapipe==0.10.14
    python -m examples.composites lfw.zip examples

A composite person is a group of people who look alike to the network; each of its pictures is made
of one photo of each of them, so the pictures share no photo. The groups share no person.

Photos are warped, triangle by triangle, so that 478 landmarks of each face and rings around it (for
hair and ears) come to the same places, and averaged where they show somebody. An average is
smoother than any face, so each band of spatial frequencies is then raised to the strength that it
has in the photos (Tiddeman, Burt and Perrett 2001, "Prototyping and Transforming Facial Textures
for Perception Research"). The ground is painted.
"""

import functools
import io
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import mediapipe
import numpy as np
from PIL import Image, ImageFilter
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from siamese import NoFaceError, Verifier

GROUP = 12  # people in one composite person
SEED = 1
# Which of the groups is who: the search goes from one to the least like all before.
CAST = {"A": 7, "B": 6, "C": 4, "D": 8}
GROUPS = 12
SIDE = 500  # px of a photo, enlarged, and of a composite
SAVED = 384  # px of an example
QUALITY = 95  # of a WebP file; a worse one adds grain to what is blurred
PHOTOS = 3  # of a person that are looked at
MIDDLE = 0.12  # the face of interest is so near the middle of its photo, in sides
Ground = tuple[tuple[int, int, int], tuple[int, int, int]]  # a colour at the top, at the bottom
GROUNDS: tuple[Ground, ...] = (
    ((150, 168, 180), (96, 110, 122)),
    ((190, 176, 156), (128, 112, 94)),
    ((150, 172, 150), (88, 110, 92)),
    ((176, 166, 186), (112, 104, 126)),
)
IN_GROUP = "BCD"
NEAR = 0.74  # of a picture's width, between two people of a group
# Landmarks of the mesh: outer corners of the eyes, both edges, tip of the nose, chin; the outline.
EYES, EDGES, NOSE, CHIN = (33, 263), (234, 454), 1, 152
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
BANDS = 5
MOST = 2.5  # times by which a band is raised


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A photo as it is stored, the landmarks of its face (478, 2) in px, and the embedding."""

    content: bytes
    points: np.ndarray
    embedding: np.ndarray

    @property
    def turn(self) -> float:
        """Where the nose is between the edges of the face: -0.5 (left) to 0.5."""
        left, right, nose = self.points[[*EDGES, NOSE], 0]
        return float((nose - left) / (right - left) - 0.5)


def portraits(source: Path) -> Iterator[tuple[str, Portrait]]:
    """Photos of the people of whom there are two at least, with their names."""
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, min_detection_confidence=0.3
    )
    verifier = Verifier.from_pretrained()
    with zipfile.ZipFile(source) as photos:
        files = defaultdict(list)
        for file in sorted(photos.namelist()):
            if file.endswith(".jpg"):
                files[file.split("/")[-2]].append(file)
        for name, own in files.items():
            for file in own[:PHOTOS] if len(own) > 1 else ():
                content = photos.read(file)
                points, embedding = _landmarks(mesh, content), _embedding(verifier, content)
                if points is not None and embedding is not None:
                    yield name, Portrait(content, points, embedding)


def _pixels(content: bytes) -> np.ndarray:
    """A photo, uint8 (SIDE, SIDE, 3)."""
    with Image.open(io.BytesIO(content)) as photo:
        large = photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(large)


@functools.cache
def _segmenter() -> Any:
    return mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)


def _landmarks(mesh: Any, content: bytes) -> np.ndarray | None:
    """Of the face in the middle, if there is one."""
    edge = SIDE // 5
    inside = np.ascontiguousarray(_pixels(content)[edge:-edge, edge:-edge])
    found = mesh.process(inside).multi_face_landmarks
    if not found:
        return None
    return np.array([(mark.x, mark.y) for mark in found[0].landmark]) * len(inside) + edge


def _embedding(verifier: Verifier, content: bytes) -> np.ndarray | None:
    """Of the most prominent face, where that is the one in the middle."""
    try:
        seen = verifier.find(content)
    except NoFaceError:
        return None
    left, _, right, _ = seen.faces[0].box
    aside = abs((left + right) / 2 / seen.photo.size[0] - 0.5)
    return verifier.embed([seen])[0] if aside <= MIDDLE else None


def groups(people: Mapping[str, Sequence[Portrait]], count: int, seed: int) -> list[list[str]]:
    """`count` groups of look-alikes, no person in two of them.

    A group is a random person and the nearest others; the groups are as far from each other as a
    greedy search over random persons finds them.
    """
    random = np.random.default_rng(seed)
    names = [name for name, own in people.items() if len(own) > 1]
    unit = np.array([_unit(np.mean([_unit(p.embedding) for p in people[n]], 0)) for n in names])
    free, middles, chosen = np.arange(len(names)), [], []
    for _ in range(count):
        firsts = random.choice(free, min(200, len(free)), replace=False)
        if middles:
            firsts = firsts[np.argsort((unit[firsts] @ np.array(middles).T).max(axis=1))]
        order = free[np.argsort(-(unit[free] @ unit[firsts[0]]))][:GROUP]
        chosen.append([names[row] for row in order])
        middles.append(unit[order].mean(axis=0))
        free = np.setdiff1d(free, order)
    return chosen


def _unit(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)


def composite(photos: Sequence[Portrait]) -> Image.Image:
    """The average of photos of different people, RGBA; it fades out where few show somebody."""
    face = _framed(_mean_shape([photo.points for photo in photos]))
    warped = [_warped(photo, face) for photo in photos]
    pixels = _of_one_light(np.array([p for p, _ in warped]), _filled(face))
    covered = np.array([m for _, m in warped]).clip(0, 1)
    mean, sharp = _sharpened(pixels, covered + 0.02)
    # What nothing aligns is less sharp: hair by half, and what is below the chin out of focus.
    in_focus = np.maximum(_soft(_filled(face), 15), 0.5 * _soft(_head(face), 61))[..., None]
    blurred_all = cv2.GaussianBlur(mean, (0, 0), 6)
    below = _soft(1 - _head(face), 1)[..., None]
    average = blurred_all * below + mean * (1 - below)
    shown = sharp * in_focus + average * (1 - in_focus)
    share = np.clip((covered.mean(0) - 0.4) / 0.35, 0, 1)
    alpha = 255 * cv2.GaussianBlur(share, (0, 0), 3)[..., None]
    picture = np.concatenate([shown, alpha], axis=2).clip(0, 255).astype(np.uint8)
    return Image.fromarray(picture).resize((SAVED, SAVED))


def before(ground: Ground, people: Sequence[Image.Image]) -> Image.Image:
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
    """The mean of landmarks, each turned and scaled to the first."""
    moved = [
        shape @ move[:, :2].T + move[:, 2] for shape in shapes for move in [_move(shape, shapes[0])]
    ]
    return np.mean(moved, axis=0)


def _move(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The similarity transform (2, 3) from points to others."""
    return cv2.estimateAffinePartial2D(points.astype(np.float32), to.astype(np.float32))[0]


def _framed(face: np.ndarray) -> np.ndarray:
    """Landmarks upright, a little above the middle of the picture."""
    x, y = face[EYES[1]] - face[EYES[0]]
    upright = np.array([[x, y], [-y, x]]) / np.hypot(x, y)
    wide = np.linalg.norm(face[EDGES[1]] - face[EDGES[0]])
    middle = face[list(OUTLINE)].mean(axis=0)
    return (face - middle) @ upright.T * (0.44 * SIDE / wide) + (0.5 * SIDE, 0.49 * SIDE)


def _filled(face: np.ndarray) -> np.ndarray:
    """1 inside the outline of the face, uint8 (SIDE, SIDE)."""
    inside = np.zeros((SIDE, SIDE), np.uint8)
    return cv2.fillConvexPoly(inside, cv2.convexHull(face.astype(np.int32)), 1)


def _head(face: np.ndarray) -> np.ndarray:
    """1 at the face and around it, but not far below the chin, uint8 (SIDE, SIDE)."""
    head = cv2.dilate(_filled(face), np.ones((141, 141)))
    head[int(face[CHIN, 1] + 0.05 * SIDE) :] = 0
    return head


def _soft(mask: np.ndarray, wider: int) -> np.ndarray:
    """A mask that is so many px wider and fades out, float32."""
    return cv2.GaussianBlur(
        cv2.dilate(mask, np.ones((wider, wider))).astype(np.float32), (0, 0), 10
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
    back = _move(face, photo.points)
    there = _anchored(photo.points, corners @ back[:, :2].T + back[:, 2])
    triangles = Delaunay(_anchored(face, corners))
    y, x = np.mgrid[:SIDE, :SIDE]
    source = LinearNDInterpolator(triangles, there)(x, y).astype(np.float32)
    pixels = _pixels(photo.content)
    return tuple(
        cv2.remap(of, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        for of in (pixels.astype(np.float32), _segmenter().process(pixels).segmentation_mask)
    )


def _of_one_light(pixels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Photos (N, SIDE, SIDE, 3) of which each face has the mean colour and contrast of all."""
    skin = pixels[:, inside > 0]
    mean, spread = skin.mean(axis=1), skin.std(axis=1)
    gain = (spread.mean(axis=0) / spread).clip(0.7, 1.4)
    even = (pixels - mean[:, None, None]) * gain[:, None, None] + mean.mean(axis=0)
    return even.astype(np.float32)


def _sharpened(pixels: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean of photos, and the same with each band as strong as in the photos."""
    mean = (pixels * weights[..., None]).sum(0) / weights.sum(0)[..., None]
    mean = mean.astype(np.float32)
    bands, of_photos = _bands(mean), [_bands(photo) for photo in pixels]
    for level in range(BANDS):
        wanted = np.mean([_strength(photo[level]) for photo in of_photos], axis=0)
        gain = np.clip(wanted / _strength(bands[level]).clip(0.15), 1, MOST)
        bands[level] = bands[level] * gain[..., None]
    sharp = bands[-1]
    for band in bands[-2::-1]:
        sharp = cv2.pyrUp(sharp, dstsize=band.shape[1::-1]) + band
    return mean, sharp


def _bands(picture: np.ndarray) -> list[np.ndarray]:
    """The Laplacian pyramid: BANDS differences, finest first, and what is left."""
    bands = []
    for _ in range(BANDS):
        coarse = cv2.pyrDown(picture)
        bands.append(picture - cv2.pyrUp(coarse, dstsize=picture.shape[1::-1]))
        picture = coarse
    return [*bands, picture]


def _strength(band: np.ndarray) -> np.ndarray:
    """How strong a band is around each pixel."""
    return cv2.GaussianBlur(np.abs(band).mean(axis=2), (0, 0), 6)


def blurred(picture: Image.Image) -> Image.Image:
    """As a telephone takes it from afar, in motion: little detail, enlarged."""
    small = picture.resize((SAVED // 8, SAVED // 8), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(1.6)).resize(picture.size)


def main(source: Path, out: Path) -> None:
    """Write two pictures of each composite person, a blurred one, and a group, as WebP files."""
    people: dict[str, list[Portrait]] = defaultdict(list)
    for name, portrait in portraits(source):
        people[name].append(portrait)
    found = groups(people, GROUPS, SEED)
    shown: dict[str, Image.Image] = {}
    for letter, number in CAST.items():
        for version, end in ((1, min), (2, max)):  # faces turned to one side, and to the other
            photos = [end(people[name], key=lambda one: one.turn) for name in found[number]]
            shown[f"{letter} {version}"] = composite(photos)
    grounds = dict(zip(CAST, GROUNDS, strict=True))
    pictures = {f"person {name}": before(grounds[name[0]], [one]) for name, one in shown.items()}
    pictures["person B blurred"] = blurred(pictures["person B 2"])
    pictures["group"] = before(GROUNDS[0], [shown[f"{letter} 1"] for letter in IN_GROUP])
    for name, picture in pictures.items():
        picture.save(out / f"{name}.webp", quality=QUALITY)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
