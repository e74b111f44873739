"""The rival: facenet-pytorch's own pipeline, as its README teaches it.

    mtcnn = MTCNN()
    resnet = InceptionResnetV1(pretrained='vggface2').eval()
    embedding = resnet(mtcnn(Image.open(path)).unsqueeze(0))

The embedding network has random weights here, since its download is not always available: its time
counts, its answer does not. It runs without gradients, which the README leaves on.
"""

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

Box = tuple[float, float, float, float]

SURE = 0.95  # the score from which a face of the rival's counts
LARGE = 40.0  # px of the photo; the shorter side of its box


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """An embedding (512,), and the sure and large faces that were found on the way."""

    embedding: np.ndarray
    faces: tuple[Box, ...]


class Facenet:
    """`MTCNN` with its defaults on the full picture, and `InceptionResnetV1`."""

    def __init__(self) -> None:
        import facenet_pytorch

        self.mtcnn = facenet_pytorch.MTCNN()
        self.resnet = facenet_pytorch.InceptionResnetV1(pretrained=None).eval()
        self._seen: dict[bytes, tuple[Box, ...]] = {}

    @torch.no_grad()
    def embed(self, photo: bytes) -> Answer:
        """From an encoded photo; the three steps are those of `MTCNN.forward`."""
        image = Image.open(io.BytesIO(photo)).convert("RGB")
        boxes, scores, points = self.mtcnn.detect(image, landmarks=True)
        chosen, *_ = self.mtcnn.select_boxes(boxes, scores, points, image, method="largest")
        face = self.mtcnn.extract(image, chosen, None)
        if face is None:
            raise ValueError("facenet-pytorch found no face in a photo of the benchmark")
        embedding = self.resnet(face.unsqueeze(0))[0].numpy()
        sure = [
            tuple(float(v) for v in box)
            for box, score in zip(boxes, scores, strict=True)
            if score >= SURE and min(box[2] - box[0], box[3] - box[1]) >= LARGE
        ]
        self._seen[photo] = tuple(sure)  # type: ignore[assignment]
        return Answer(embedding, self._seen[photo])

    def faces(self, photo: bytes) -> tuple[Box, ...]:
        """The sure and large faces of a photo; not searched again if `embed` has seen it."""
        return self._seen[photo] if photo in self._seen else self.embed(photo).faces

    def verify(self, first: bytes, second: bytes) -> float:
        """The distance of two photos' embeddings."""
        return float(np.linalg.norm(self.embed(first).embedding - self.embed(second).embedding))

    def pick(self, query: bytes, support: list[bytes]) -> int:
        """Which of the support photos is nearest to the query."""
        asked = self.embed(query).embedding
        return int(
            np.argmin([np.linalg.norm(self.embed(photo).embedding - asked) for photo in support])
        )


def missing(theirs: tuple[Box, ...], ours: list[Box]) -> list[Box]:
    """Which of their faces have no box of ours with an intersection over union of at least 0.5."""
    return [box for box in theirs if max((overlap(box, other) for other in ours), default=0) < 0.5]


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)
