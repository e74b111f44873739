"""The three networks of the face detector: facenet-pytorch's PNet, RNet and ONet, made faster.

Classes and weights are the package's own; the weight files are known by their hashes. On a CPU most
of the time would go into max-pooling, and into a PReLU over ten channels, so these layers are
exchanged for ones that compute the same; and the first network sees a large picture in strips,
whose layers fit the processor's cache.
"""

import hashlib
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from siamese.errors import CheckpointError

# The networks come as pickles inside the pinned package; nothing else is loaded.
WEIGHTS_SHA256 = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}

# PNet looks at windows of 12 x 12 px, one every 2 px; RNet and ONet take pictures of these sides.
CELL, STRIDE = 12, 2
REFINE_SIDE, OUTPUT_SIDE = 24, 48
# Pixels of a level that go through PNet at once: its widest layer then has 2.4 MB. A level of
# 1200 x 900 px takes several times as long when it goes through as a whole.
_STRIP = 60_000


def load_networks() -> tuple[nn.Module, nn.Module, nn.Module]:
    """PNet, RNet and ONet, in evaluation mode, as facenet-pytorch calls them:

    PNet: (1, 3, H, W) -> shifts (1, 4, h, w), scores (1, 2, h, w), of which the second counts.
    RNet: (N, 3, 24, 24) -> shifts (N, 4), scores (N, 2).
    ONet: (N, 3, 48, 48) -> shifts (N, 4), landmarks (N, 10): five x, then five y, scores (N, 2).

    Raises CheckpointError where facenet-pytorch is missing or its weight files are not the known
    ones.
    """
    try:
        with warnings.catch_warnings():  # facenet-pytorch silences one for the whole process
            from facenet_pytorch.models import mtcnn
    except ImportError as error:
        raise CheckpointError(
            "The face detector is missing; please install facenet-pytorch 2.5.3."
        ) from error
    data = Path(mtcnn.__file__).parents[1] / "data"
    networks = (
        mtcnn.PNet(pretrained=False),
        mtcnn.RNet(pretrained=False),
        mtcnn.ONet(pretrained=False),
    )
    for network, name in zip(networks, WEIGHTS_SHA256, strict=True):
        _exchange_layers(network)
        network.load_state_dict(_weights(data / name))
        network.eval().requires_grad_(False)
    return networks


def likely_cells(pnet: nn.Module, level: Tensor, lowest: float) -> tuple[Tensor, ...]:
    """The cells that score at least `lowest` in a picture (1, 3, H, W) of at least 12 px.

    Returns:
        Their rows and columns (N,), scores (N,), and shifts of the four edges (N, 4).
    """
    height, width = level.shape[2:]
    step = max(1, _STRIP // (width * STRIDE)) * STRIDE
    found = []
    for top in range(0, height - CELL + 1, step):
        # The last cell of a strip begins in its last row but one.
        shifts, scores = pnet(level[:, :, top : min(height, top + step + CELL - STRIDE)])
        rows, columns = (scores[0, 1] >= lowest).nonzero(as_tuple=True)
        chosen = scores[0, 1, rows, columns], shifts[0, :, rows, columns].T
        found.append((rows + top // STRIDE, columns, *chosen))
    return tuple(torch.cat(part) for part in zip(*found, strict=True))


def _weights(path: Path) -> dict[str, Tensor]:
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256[path.name]:
        raise CheckpointError(
            f"The face detector's file {path.name} is not the known one; "
            "please install facenet-pytorch 2.5.3 again."
        )
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _exchange_layers(network: nn.Module) -> None:
    """Put the faster layers in the place of those that they equal."""
    for name, layer in network.named_children():
        if isinstance(layer, nn.MaxPool2d):
            setattr(network, name, MaxPool(layer.kernel_size, layer.stride, ceil_mode=True))
        elif isinstance(layer, nn.PReLU) and layer.num_parameters < 16:
            setattr(network, name, NarrowPReLU(layer.num_parameters))


class NarrowPReLU(nn.PReLU):
    """PReLU over few channels, of one picture (1, C, H, W) stored channels last.

    Taken row by row, since torch handles C numbers at a time, and ten are too few for its loop.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> the same shape."""
        if not x.is_contiguous(memory_format=torch.channels_last):
            return super().forward(x)
        _, channels, height, width = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(height, width * channels)
        flat = F.prelu(rows, self.weight.repeat(width))
        return flat.view(1, height, width, channels).permute(0, 3, 1, 2)


class MaxPool(nn.MaxPool2d):
    """Max-pooling with a stride of 2 and the last window cut where the picture ends."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, h, w)."""
        assert isinstance(self.kernel_size, int)
        return _max_along(_max_along(x, 2, self.kernel_size), 3, self.kernel_size)


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
