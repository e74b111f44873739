"""The reference network: EdgeFace-XS (George et al. 2024), by timm. A student learns from it.

Research only, and never part of what is shipped. What it says of stored pictures also tells who
stands in two sources under two names, who looks alike, and which labels are wrong.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from siamese.data import people
from siamese.data.people import Picture
from siamese.data.pixels import CACHE, STORED, damaged, load_cached, read_pixels
from siamese.errors import InputError

BATCH = 64
SLICE = 4096  # pictures decoded at a time, which are not kept: about 270 MB


class Reference(nn.Module):
    """Pictures (N, 3, 112, 112), 0..1, black beyond the photo's edge -> (N, 192), unit length.

    `path` holds its tensors (.safetensors); InputError where these are another network's. What it
    says of stored pictures is kept in `cache`.
    """

    size = 112  # px
    window = (8.0, 8.0, 120.0, 120.0)  # of a stored crop
    outputs = 192

    def __init__(self, path: Path, cache: Path = CACHE) -> None:
        super().__init__()
        import timm  # here, since only training needs it

        self.cache, self.sha256 = cache, people.fingerprint(path)
        self.network = timm.create_model("edgenext_x_small", num_classes=self.outputs)
        try:
            state = {name: value.float() for name, value in load_file(path).items()}
            self.network.load_state_dict(state)
        except (SafetensorError, RuntimeError) as error:
            raise InputError(f"{path} does not hold the reference network, EdgeFace-XS.") from error
        self.network.eval().requires_grad_(False)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor) -> Tensor:
        """The embeddings of a batch, without gradients."""
        inputs = (pictures * 2 - 1).contiguous(memory_format=torch.channels_last)
        # In float16 it overflows; in bfloat16 its cosine to itself is 0.9995.
        with torch.no_grad(), torch.autocast(pictures.device.type, torch.bfloat16):
            return F.normalize(self.network(inputs).float())

    def of(self, pictures: Sequence[Picture]) -> np.ndarray:
        """What it says of stored crops as they are: float16 (N, 192), unit length."""
        found = np.empty((len(pictures), self.outputs), np.float16)
        for source, rows in people.photos_of([picture.source for picture in pictures]).items():
            said = self._said(Path(source))
            found[rows] = [said[pictures[row].name] for row in rows]
        return found

    def _said(self, source: Path) -> dict[str, np.ndarray]:
        """Of each picture of a source, by its name; found once for these files."""
        key = hashlib.sha256(f"{people.fingerprint(source)} {self.sha256}".encode()).hexdigest()
        path = self.cache / f"targets-{key[:16]}.npy"
        pictures = people.list_pictures(source, labelled=False)
        self.cache.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # of processes that train together one embeds
            if not path.exists():
                part = path.with_suffix(".part.npy")
                np.save(part, np.concatenate(list(self._embed(pictures))))
                part.replace(path)
        names = [picture.name for picture in pictures]
        said = load_cached(path)
        if said.shape != (len(names), self.outputs):
            raise damaged(path)
        return dict(zip(names, said, strict=True))

    def _embed(self, pictures: Sequence[Picture]) -> Iterator[np.ndarray]:
        x0, y0, x1, y1 = (int(edge) for edge in self.window)
        device = next(self.parameters()).device
        bar = tqdm(total=len(pictures), desc="reference network", unit="picture", mininterval=5)
        for start in range(0, len(pictures), SLICE):
            with tempfile.TemporaryDirectory() as folder:
                some = pictures[start : start + SLICE]
                pixels = read_pixels(some, STORED.size, 3, Path(folder))
                for first in range(0, len(some), BATCH):
                    stored = torch.from_numpy(np.array(pixels[first : first + BATCH]))
                    stored = stored.to(device) / 255
                    seen = (stored[:, :-1] * stored[:, -1:])[..., y0:y1, x0:x1]
                    yield self(seen).half().cpu().numpy()
                    bar.update(len(seen))
        bar.close()
