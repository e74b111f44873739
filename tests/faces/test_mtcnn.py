"""The cascade finds what facenet-pytorch's own finds, and survives what that one does not."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from siamese.errors import CheckpointError
from siamese.faces import mtcnn_networks
from siamese.faces.mtcnn import Cascade
from tests.pictures import PORTRAIT_FACE, PORTRAIT_LANDMARKS, portrait


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return Cascade()


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union, by counting pixels."""
    canvas = np.zeros((2, 700, 700), dtype=bool)
    for layer, box in zip(canvas, (a, b), strict=True):
        x0, y0, x1, y1 = np.clip(np.round(np.asarray(box, dtype=float)).astype(int), 0, 700)
        layer[y0:y1, x0:x1] = True
    return float(canvas.all(axis=0).sum() / max(1, canvas.any(axis=0).sum()))


def test_the_portrait(cascade: Cascade) -> None:
    found = cascade.find(portrait(), 20)
    assert (found.scores > 0.9).tolist() == [True] + [False] * (len(found.scores) - 1)
    assert found.scores[0] > 0.99
    assert overlap(found.boxes[0], np.array(PORTRAIT_FACE)) > 0.8
    # The reference was read off the picture by eye.
    assert np.abs(found.landmarks[0] - PORTRAIT_LANDMARKS).max() < 5


def same_faces(cascade: Cascade, pictures: list[Image.Image]) -> tuple[int, list[str]]:
    """How many sure faces of 40 px and more facenet-pytorch finds, and which are missing here."""
    import facenet_pytorch

    reference = facenet_pytorch.MTCNN(keep_all=True).eval()
    count, missing = 0, []
    for i, picture in enumerate(pictures):
        with torch.inference_mode():
            boxes, scores = reference.detect(picture)
        mine = cascade.find(picture, 20).boxes
        for box, score in zip(boxes if boxes is not None else [], scores, strict=False):
            if score < 0.95 or box[2] - box[0] < 40:
                continue
            count += 1
            if max((overlap(box, other) for other in mine), default=0.0) < 0.5:
                missing.append(f"{i}: {box}")
    return count, missing


def test_the_faces_that_facenet_pytorch_finds(cascade: Cascade) -> None:
    picture = portrait()
    pictures = [picture, picture.resize((250, 250)), picture.rotate(20), picture.resize((300, 480))]
    assert same_faces(cascade, pictures) == (4, [])


def test_the_faces_that_facenet_pytorch_finds_in_real_photos(
    cascade: Cascade, faces_data: Path
) -> None:
    with zipfile.ZipFile(faces_data / "lfw.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::220]
        pictures = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]
    count, missing = same_faces(cascade, pictures)
    assert count > 40
    # Faces cut off by the border are where the two differ.
    assert len(missing) <= count // 40, missing


@pytest.mark.parametrize(
    "size", [(1, 1), (10, 10), (19, 19), (1, 500), (500, 1), (11, 4000), (20, 20), (21, 40)]
)
def test_pictures_too_small_or_narrow(cascade: Cascade, size: tuple[int, int]) -> None:
    """facenet-pytorch raises on a short side under 20 px: it concatenates an empty list."""
    for colour in ("black", "white"):
        assert len(cascade.find(Image.new("RGB", size, colour), 20).scores) == 0


def test_pictures_without_faces(cascade: Cascade) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    pictures = [Image.new("RGB", (300, 200)), Image.fromarray(noise)]
    assert [len(cascade.find(picture, 20).scores) for picture in pictures] == [0, 0]


def test_changed_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mtcnn_networks.WEIGHTS_SHA256, "onet.pt", "0" * 64)
    with pytest.raises(CheckpointError, match=r"onet\.pt"):
        Cascade()


# ---- the networks


@pytest.fixture(scope="module")
def facenet() -> Any:
    import facenet_pytorch

    return facenet_pytorch.MTCNN().eval()


@torch.inference_mode()
@pytest.mark.parametrize("size", [(12, 12), (13, 40), (61, 64), (300, 421)])
def test_the_first_network_is_facenet_pytorchs(facenet: Any, size: tuple[int, int]) -> None:
    """Cell by cell, also where a level is searched strip by strip."""
    level = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(1)) * 2 - 1
    shifts, scores = facenet.pnet(level)
    pnet, _, _ = mtcnn_networks.load_networks()
    rows, columns, mine, moves = mtcnn_networks.likely_cells(pnet, level, 0.0)
    assert len(rows) == scores[0, 1].numel()
    assert torch.allclose(mine, scores[0, 1, rows, columns], atol=1e-5)
    assert torch.allclose(moves, shifts[0, :, rows, columns].T, atol=1e-5)


@torch.inference_mode()
def test_the_other_networks_are_facenet_pytorchs(facenet: Any) -> None:
    generator = torch.Generator().manual_seed(2)
    small = torch.rand((5, 3, 24, 24), generator=generator) * 2 - 1
    large = torch.rand((5, 3, 48, 48), generator=generator) * 2 - 1
    _, rnet, onet = mtcnn_networks.load_networks()
    for mine, theirs in ((rnet(small), facenet.rnet(small)), (onet(large), facenet.onet(large))):
        for a, b in zip(mine, theirs, strict=True):
            assert torch.allclose(a, b, atol=1e-5)


def test_the_networks_are_facenet_pytorchs_classes() -> None:
    from facenet_pytorch.models import mtcnn

    names = [type(network) for network in mtcnn_networks.load_networks()]
    assert names == [mtcnn.PNet, mtcnn.RNet, mtcnn.ONet]


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("shape", [(3, 3), (4, 7), (9, 8), (22, 23), (46, 3)])
def test_max_pooling(size: int, shape: tuple[int, int]) -> None:
    x = torch.randn((2, 5, *shape), generator=torch.Generator().manual_seed(3))
    expected = F.max_pool2d(x, size, stride=2, ceil_mode=True)
    for layout in (torch.contiguous_format, torch.channels_last):
        pool = mtcnn_networks.MaxPool(size, 2, ceil_mode=True)
        assert torch.equal(pool(x.contiguous(memory_format=layout)), expected)


def test_the_narrow_prelu() -> None:
    x = torch.randn((1, 10, 7, 9), generator=torch.Generator().manual_seed(4))
    narrow = mtcnn_networks.NarrowPReLU(10)
    with torch.no_grad():
        narrow.weight.copy_(torch.linspace(-0.5, 0.5, 10))
        for layout in (torch.contiguous_format, torch.channels_last):
            laid = x.contiguous(memory_format=layout)
            assert torch.equal(narrow(laid), F.prelu(x, narrow.weight))


def test_large_levels_go_through_in_strips() -> None:
    """So that no layer outgrows the cache; each cell is computed once, two rows of cells twice."""
    seen: list[tuple[int, ...]] = []
    pnet, _, _ = mtcnn_networks.load_networks()
    pnet.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape[2:])))
    with torch.inference_mode():
        mtcnn_networks.likely_cells(pnet, torch.zeros(1, 3, 900, 1200), 0.0)
    assert max(rows * columns for rows, columns in seen) <= 60_000 + 10 * 1200
    assert sum(rows for rows, _ in seen) <= 900 + 10 * (len(seen) - 1)


def test_import_is_light_and_the_filter_for_warnings_stays() -> None:
    """facenet-pytorch is imported with the first detector, and its filter is taken off again."""
    code = """
import sys, warnings
import siamese.faces, siamese.photos
from PIL import Image
assert "facenet_pytorch" not in sys.modules and "torchvision" not in sys.modules
import torch, torchvision
before = list(warnings.filters)
assert not [entry for entry in before if entry[1] and "nonzero" in entry[1].pattern]
siamese.faces.FaceDetector().detect([siamese.photos.load(Image.new("RGB", (80, 80)))])
assert "facenet_pytorch" in sys.modules
assert not [entry for entry in warnings.filters if entry[1] and "nonzero" in entry[1].pattern]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
