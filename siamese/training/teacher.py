"""The reference network that a student learns from: EdgeFace-XS (George et al. 2024), by timm.

Research only, and never part of what is shipped. It sees the aligned 112 x 112 face.
"""

from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

SIZE = 112  # px
WINDOW = (8.0, 8.0, 120.0, 120.0)  # of a stored crop


class Teacher(nn.Module):
    """Pictures (N, 3, 112, 112), 0..1, black beyond the photo's edge -> (N, 192), unit length."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        import timm  # here, since only training needs it

        self.network = timm.create_model("edgenext_x_small", num_classes=192)
        state = {name: value.float() for name, value in load_file(path).items()}
        self.network.load_state_dict(state)
        self.network.eval().requires_grad_(False)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor) -> Tensor:
        """The embeddings of a batch, without gradients."""
        inputs = (pictures * 2 - 1).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(pictures.device.type, torch.bfloat16):
            return F.normalize(self.network(inputs).float())


def targets_of(pixels: np.ndarray, teacher: Teacher, path: Path) -> np.ndarray:
    """What the teacher says of stored crops as they are, float16 (N, 192); kept in `path`."""
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            found = []
            (x0, y0, x1, y1) = (int(edge) for edge in WINDOW)
            for start in tqdm(range(0, len(pixels), 64), "teacher", mininterval=10):
                stored = torch.from_numpy(np.array(pixels[start : start + 64])).float() / 255
                seen = (stored[:, :-1] * stored[:, -1:])[..., y0:y1, x0:x1]
                found.append(teacher(seen).half().numpy())
            part = path.with_suffix(".part.npy")
            np.save(part, np.concatenate(found))
            part.replace(path)
    return np.load(path)
