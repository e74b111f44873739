"""The three networks of the face detector, with facenet-pytorch's weights.

What they compute is what facenet-pytorch's PNet, RNet and ONet compute; how is our own, because
there most of the time goes into a max-pooling that is slow on a CPU and into layers that do not fit
the processor's cache. And importing facenet-pytorch
takes `requests` along, for downloads that never happen here; its weight files are read instead.
"""

import hashlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from siamese.errors import CheckpointError

# The networks come as pickles inside the pinned package; nothing else is loaded.
WEIGHTS_SHA256 = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}
Weights = dict[str, Tensor]

# The proposal network looks at windows of 12 x 12 px, one every 2 px.
CELL, STRIDE = 12, 2
# Pixels of a level that go through the first network at once: its widest layer then has 2.4 MB. A
# level of 1200 x 900 px takes four times as long when it goes through as a whole.
_STRIP = 60_000


class Proposer:
    """The first network: which cells of a picture may hold a face."""

    def __init__(self) -> None:
        """Load the weights; CheckpointError where the file is not the known one."""
        self._weights = _load("pnet.pt")
        weight, bias = self._weights["conv4_1.weight"], self._weights["conv4_1.bias"]
        # A softmax over two numbers is a sigmoid of their difference.
        self._score_weight, self._score_bias = (weight[1] - weight[0])[:, 0, 0], bias[1] - bias[0]

    def __call__(self, level: Tensor, lowest: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The cells that score at least `lowest`, in a picture (1, 3, H, W) of at least 12 px.

        Returns:
            Their rows and columns (N,), scores (N,), and shifts of the four edges (N, 4).
        """
        height, width = level.shape[2:]
        step = max(1, _STRIP // (width * STRIDE)) * STRIDE
        parts = []
        for top in range(0, height - CELL + 1, step):
            # The last cell of a strip begins in its last row but one.
            strip = level[:, :, top : min(height, top + step + CELL - STRIDE)]
            parts.append(self._strip(strip, top // STRIDE, lowest))
        return tuple(torch.cat(part) for part in zip(*parts, strict=True))  # type: ignore[return-value]

    def _strip(
        self, strip: Tensor, first_row: int, lowest: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        weights = self._weights
        x = _prelu_narrow(_conv(strip, weights, "conv1"), weights["prelu1.weight"])
        x = _max_pool(x, 2)
        x = F.prelu(_conv(x, weights, "conv2"), weights["prelu2.weight"])
        x = F.prelu(_conv(x, weights, "conv3"), weights["prelu3.weight"])
        features = x[0].permute(1, 2, 0)
        scores = (features @ self._score_weight + self._score_bias).sigmoid_()
        rows, columns = (scores >= lowest).nonzero(as_tuple=True)
        shifts = _conv(x, weights, "conv4_2")[0].permute(1, 2, 0)[rows, columns]
        return rows + first_row, columns, scores[rows, columns], shifts


class Refiner:
    """The second network: better boxes for candidates cut out at 24 x 24 px."""

    SIDE = 24

    def __init__(self) -> None:
        """Load the weights; CheckpointError where the file is not the known one."""
        self._weights = _load("rnet.pt")

    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, 24, 24) -> scores (N,) and shifts of the four edges (N, 4)."""
        weights = self._weights
        x = _max_pool(_layer(pictures, weights, 1), 3)
        x = _max_pool(_layer(x, weights, 2), 3)
        x = _dense(_layer(x, weights, 3), weights, 4)
        return _score(x, weights, "dense5_1"), _linear(x, weights, "dense5_2")


class Finisher:
    """The third network: boxes and landmarks for candidates cut out at 48 x 48 px."""

    SIDE = 48

    def __init__(self) -> None:
        """Load the weights; CheckpointError where the file is not the known one."""
        self._weights = _load("onet.pt")

    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, 48, 48) -> scores (N,), shifts (N, 4), landmarks (N, 10): five x, then five y."""
        weights = self._weights
        x = _max_pool(_layer(pictures, weights, 1), 3)
        x = _max_pool(_layer(x, weights, 2), 3)
        x = _max_pool(_layer(x, weights, 3), 2)
        x = _dense(_layer(x, weights, 4), weights, 5)
        shifts, landmarks = _linear(x, weights, "dense6_2"), _linear(x, weights, "dense6_3")
        return _score(x, weights, "dense6_1"), shifts, landmarks


def _load(name: str) -> Weights:
    package = importlib.util.find_spec("facenet_pytorch")
    if package is None or package.origin is None:
        raise CheckpointError(
            "The face detector's weights are missing; please install facenet-pytorch 2.5.3."
        )
    path = Path(package.origin).parent / "data" / name
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256[name]:
        raise CheckpointError(
            f"The face detector's file {name} is not the known one; "
            "please install facenet-pytorch 2.5.3 again."
        )
    weights: Weights = torch.load(path, map_location="cpu", weights_only=True)
    # The dense layers come transposed, and torch adds up in another order then.
    return {key: value.contiguous() for key, value in weights.items()}


def _conv(x: Tensor, weights: Weights, name: str) -> Tensor:
    return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _layer(x: Tensor, weights: Weights, number: int) -> Tensor:
    return F.prelu(_conv(x, weights, f"conv{number}"), weights[f"prelu{number}.weight"])


def _linear(x: Tensor, weights: Weights, name: str) -> Tensor:
    return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _dense(x: Tensor, weights: Weights, number: int) -> Tensor:
    flat = x.permute(0, 3, 2, 1).flatten(1)  # as it was trained: columns, rows, channels
    return F.prelu(_linear(flat, weights, f"dense{number}"), weights[f"prelu{number}.weight"])


def _score(x: Tensor, weights: Weights, name: str) -> Tensor:
    return _linear(x, weights, name).softmax(dim=1)[:, 1]


def _prelu_narrow(x: Tensor, slope: Tensor) -> Tensor:
    """PReLU of one picture (1, C, H, W) with few channels, stored channels last.

    Taken row by row, since torch handles C numbers at a time, and ten are too few for its loop.
    """
    if not x.is_contiguous(memory_format=torch.channels_last):
        return F.prelu(x, slope)
    _, channels, height, width = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(height, width * channels)
    flat = F.prelu(rows, slope.repeat(width))
    return flat.view(1, height, width, channels).permute(0, 3, 1, 2)


def _max_pool(x: Tensor, size: int) -> Tensor:
    """`F.max_pool2d(x, size, stride=2, ceil_mode=True)` in a tenth of the time."""
    return _max_along(_max_along(x, 2, size), 3, size)


def _max_along(x: Tensor, axis: int, size: int) -> Tensor:
    """The maximum over windows of `size`, one every second, the last one cut where x ends."""
    length = x.shape[axis]
    count, complete = -(-(length - size) // 2) + 1, (length - size) // 2 + 1
    parts = [x[(slice(None),) * axis + (slice(start, None, 2),)] for start in range(size)]
    best = torch.empty_like(parts[0].narrow(axis, 0, count))
    whole = best.narrow(axis, 0, complete)
    torch.maximum(parts[0].narrow(axis, 0, complete), parts[1].narrow(axis, 0, complete), out=whole)
    for part in parts[2:]:
        torch.maximum(whole, part.narrow(axis, 0, complete), out=whole)
    if count > complete:
        last = x.narrow(axis, 2 * complete, length - 2 * complete)
        best.narrow(axis, complete, 1).copy_(last.amax(dim=axis, keepdim=True))
    return best
