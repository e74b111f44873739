"""The cascade that finds faces; its networks are in `mtcnn_networks`.

MTCNN (Zhang et al. 2016, "Joint face detection and alignment using multitask cascaded convolutional
networks") with the networks of facenet-pytorch. The cascade is our own, because facenet-pytorch's
crashes on small pictures, wants pictures of equal size in a batch, stretches candidates that reach
over the border, and spends half of its time reducing pictures.

What it does not do: turn, pad or enlarge pictures, choose among faces. See `detector`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from siamese.faces.mtcnn_networks import (
    CELL,
    OUTPUT_SIDE,
    REFINE_SIDE,
    STRIDE,
    likely_cells,
    load_networks,
)

_PYRAMID_STEP = 0.709  # half the area from one level to the next, as in the paper
_PROPOSE, _REFINE, _OUTPUT = 0.6, 0.7, 0.7  # the paper's score thresholds of the three stages
_CHUNK = 256  # candidates a network sees at once; bounds the memory
SMALLEST = 20.0  # px; the networks were made for no smaller faces
Wanted = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The faces in one picture: boxes (N, 4) x0 y0 x1 y1, scores (N,), landmarks (N, 5, 2).

    float64; px of the picture that was searched, continuous (its left edge is 0). `whole`, bool
    (N,), are those that its edge does not cut off: the others were seen stretched (`_clipped`).
    """

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray
    whole: np.ndarray

    def pick(self, chosen: np.ndarray) -> "Found":
        """Those of these numbers, or where it is true."""
        return Found(*(getattr(self, name)[chosen] for name in Found.__slots__))


@dataclass(slots=True, eq=False)
class _Candidates:
    """Boxes (N, 4) that may hold a face, with scores (N,)."""

    boxes: np.ndarray
    scores: np.ndarray

    def pick(self, chosen: np.ndarray) -> "_Candidates":
        return _Candidates(self.boxes[chosen], self.scores[chosen])


class Cascade:
    """The three networks; stateless after construction, so threads may share one."""

    def __init__(self) -> None:
        """Load the networks.

        Raises:
            CheckpointError: facenet-pytorch's weight files are not those we know.
        """
        # Here, not with this module: `import siamese` stays light.
        self._pnet, self._rnet, self._onet = load_networks()

    @torch.inference_mode()
    def find(self, image: Image.Image, smallest: float, wanted: Wanted | None = None) -> Found:
        """Search an RGB picture of any size for faces of `smallest` px and more.

        `wanted` says which boxes (N, 4) that may hold a face are worth a closer look: bool (N,); by
        default all.
        """
        proposed = self._propose(image, smallest)
        if wanted is not None:
            proposed = proposed.pick(wanted(proposed.boxes))
        found = self._output(image, self._refine(image, proposed))
        return found.pick(_distinct(found.boxes, found.scores, 0.7))

    def _propose(self, image: Image.Image, smallest: float) -> _Candidates:
        """Stage 1: the proposal network over a pyramid of the picture."""
        levels = [_Candidates(np.empty((0, 4)), np.empty(0))]
        # Small levels are cut from a picture halved on the way down, which reads fewer pixels.
        halved, times = image, 1
        for scale in _pyramid(image.size, smallest):
            while scale * times <= 0.5:
                halved, times = halved.reduce(2), times * 2
            size = round(image.width * scale), round(image.height * scale)
            whole = (0, 0, image.width / times, image.height / times)
            level = halved.resize(size, Image.Resampling.BOX, whole)
            cells = likely_cells(self._pnet, _as_tensor([level]), _PROPOSE)
            levels.append(_boxes(cells, image.size, size))
        everything = _Candidates(
            np.concatenate([level.boxes for level in levels]),
            np.concatenate([level.scores for level in levels]),
        )
        return everything.pick(_keep(everything, 0.7))

    def _refine(self, image: Image.Image, candidates: _Candidates) -> _Candidates:
        """Stage 2: most proposals are dropped, the others moved."""
        boxes = _clipped(candidates.boxes, image.size)
        shifts, scores = _run(self._rnet, image, boxes, REFINE_SIDE)
        good = scores[:, 1] > _REFINE
        boxes, shifts, scores = boxes[good], shifts[good], scores[good, 1]
        kept = _keep(_Candidates(boxes, scores), 0.7)
        return _Candidates(_squared(_shifted(boxes, shifts)[kept]), scores[kept])

    def _output(self, image: Image.Image, candidates: _Candidates) -> Found:
        """Stage 3: final boxes, scores and landmarks."""
        boxes = _clipped(candidates.boxes, image.size)
        shifts, points, scores = _run(self._onet, image, boxes, OUTPUT_SIDE)
        good = scores[:, 1] > _OUTPUT
        boxes = boxes[good]
        whole = (boxes == candidates.boxes[good]).all(axis=1)
        sides = boxes[:, 2:] - boxes[:, :2]
        # The network gives five x, then five y, in units of the box.
        landmarks = points[good].reshape(-1, 2, 5).transpose(0, 2, 1)
        landmarks = boxes[:, None, :2] + landmarks * sides[:, None, :]
        return Found(_shifted(boxes, shifts[good]), scores[good, 1], landmarks, whole)


def _pyramid(size: tuple[int, int], smallest: float) -> list[float]:
    """Scales at which faces of `smallest`, `smallest` / 0.709, ... px fill a cell."""
    scales = []
    scale = CELL / smallest
    while min(size) * scale >= CELL:
        scales.append(scale)
        scale *= _PYRAMID_STEP
    return scales


def _boxes(found: tuple[Tensor, ...], size: tuple[int, int], level: tuple[int, int]) -> _Candidates:
    """The likely cells of one pyramid level as boxes of the picture."""
    rows, columns, scores, shifts = found
    corner = torch.stack([columns, rows], dim=1).numpy() * float(STRIDE)
    ratio = np.array(size) / np.array(level)
    boxes = np.concatenate([corner * ratio, (corner + CELL) * ratio], axis=1)
    cells = _Candidates(boxes, scores.numpy().astype(np.float64))
    kept = _keep(cells, 0.5)
    cells = cells.pick(kept)
    cells.boxes = _squared(_shifted(cells.boxes, shifts.numpy().astype(np.float64)[kept]))
    return cells


def _clipped(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The boxes' parts inside a picture of this size, at least 1 x 1 px.

    A face that is cut off by the border is thus seen stretched, as in facenet-pytorch, where the
    networks recognise it better than beside a black area (measured); but what they say is
    understood in units of the part that they saw.
    """
    limit = np.array(size, np.float64)
    low = np.clip(boxes[:, :2], 0, limit - 1)
    high = np.clip(boxes[:, 2:], low + 1, limit)
    return np.concatenate([low, high], axis=1)


def _run(
    network: Callable[[Tensor], tuple[Tensor, ...]],
    image: Image.Image,
    boxes: np.ndarray,
    side: int,
) -> tuple[np.ndarray, ...]:
    """A network's outputs, float64, for every box cut out at side x side px."""
    if not len(boxes):
        # The networks cannot take an empty batch, but their outputs have a shape.
        return tuple(part[:0].double().numpy() for part in network(torch.zeros(1, 3, side, side)))
    pieces = [
        image.resize((side, side), Image.Resampling.BOX, tuple(box)) for box in boxes.tolist()
    ]
    outputs = [network(_as_tensor(pieces[i : i + _CHUNK])) for i in range(0, len(pieces), _CHUNK)]
    return tuple(torch.cat(part).double().numpy() for part in zip(*outputs, strict=True))


def _as_tensor(pictures: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size -> float32 (N, 3, H, W), about -1 to 1."""
    stack = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    return stack.permute(0, 3, 1, 2).float().sub_(127.5).mul_(1 / 128)


def _shifted(boxes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Each edge moved by its shift, given in widths and heights of the box."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(boxes + shifts * np.tile(sides, 2))


def _squared(boxes: np.ndarray) -> np.ndarray:
    """The smallest squares with the same centres."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _keep(candidates: _Candidates, limit: float) -> np.ndarray:
    """Indices that non-maximum suppression leaves, best first."""
    from torchvision.ops import nms

    boxes, scores = torch.from_numpy(candidates.boxes), torch.from_numpy(candidates.scores)
    return np.asarray(nms(boxes, scores, limit).numpy())


def _distinct(boxes: np.ndarray, scores: np.ndarray, limit: float) -> np.ndarray:
    """Indices, best first, of boxes not covered by a better one.

    Covered: the intersection is more than `limit` of the smaller box, which also drops a box inside
    another.
    """
    kept: list[int] = []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for index in np.argsort(-scores, kind="stable"):
        overlap = np.minimum(boxes[kept, 2:], boxes[index, 2:]) - np.maximum(
            boxes[kept, :2], boxes[index, :2]
        )
        common = np.prod(np.maximum(overlap, 0), axis=1)
        if np.all(common <= limit * np.minimum(areas[kept], areas[index])):
            kept.append(int(index))
    return np.array(kept, dtype=np.int64)
