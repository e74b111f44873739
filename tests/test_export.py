"""The exported file in onnxruntime beside torch, and the page that shows how to feed it.

pytest tests/test_export.py
"""

import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from siamese import __main__ as cli
from siamese import checkpoint
from siamese.commands import exit_codes
from siamese.network import Head, ready
from siamese.verifier import Verifier
from tests import small_checkpoints

ROOT = Path(__file__).parent.parent
PHOTOS = [ROOT / "examples" / f"person {who}.webp" for who in ("A 1", "A 2", "B 1", "B 2")]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded checkpoint, cohort and all."""
    out = tmp_path_factory.mktemp("exported") / "siamese.onnx"
    assert cli.main(["export", str(checkpoint.EMBEDDED), str(out)]) == 0
    return out


def assert_equal_logits(file: Path, folder: Path, count: int) -> None:
    loaded = checkpoint.load_folder(folder)
    network, head = ready(loaded.network), Head.of(loaded.network)
    size, channels = loaded.config.network.image_size, loaded.config.network.channels
    crops = np.random.default_rng(count).integers(0, 256, (count, size, size, channels), np.uint8)
    embeddings, logits = onnxruntime.InferenceSession(file).run(None, {"crops": crops})
    assert embeddings == pytest.approx(network.embed_crops(crops), abs=1e-4)
    assert logits.shape == (count, count)
    assert logits == pytest.approx(head(embeddings[:, None], embeddings[None]), abs=1e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_logits_are_those_of_torch(exported: Path, count: int) -> None:
    assert_equal_logits(exported, checkpoint.EMBEDDED, count)


def test_a_network_without_cohort_or_mirror_is_exported_too(tmp_path: Path) -> None:
    small_checkpoints.write(tmp_path / "tiny")
    out = tmp_path / "tiny.onnx"
    assert cli.main(["export", str(tmp_path / "tiny"), str(out)]) == 0
    assert_equal_logits(out, tmp_path / "tiny", 3)


def test_the_file_says_what_it_is(exported: Path) -> None:
    loaded = checkpoint.load_folder(checkpoint.EMBEDDED)
    meta = onnxruntime.InferenceSession(exported).get_modelmeta().custom_metadata_map
    said = {name: json.loads(text) for name, text in meta.items()}
    assert said["sha256"] == loaded.sha256 and said["decision"] == loaded.rule.to_dict()
    head, own = said["head"], Head.of(loaded.network)
    assert (head["weights"], head["bias"]) == (own.weights.tolist(), own.bias)


@pytest.mark.parametrize(("name", "calibrated"), [("x.pt", True), ("x.onnx", False)])
def test_what_cannot_be_exported_is_refused(
    name: str, calibrated: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_checkpoints.write(tmp_path / "tiny", calibrated=calibrated)
    words = ["export", str(tmp_path / "tiny"), str(tmp_path / name)]
    assert cli.main(words) == exit_codes.INPUT_ERROR
    assert ("does not end in .onnx" in capsys.readouterr().err) is calibrated
    assert not (tmp_path / name).exists()


def test_the_page_feeds_it_from_numpy(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As few lines as it says; every pair decided as the product does."""
    text = (ROOT / "docs" / "elsewhere.md").read_text(encoding="utf-8")
    example = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert example and len([line for line in example[1].splitlines() if line.strip()]) <= 40
    monkeypatch.chdir(exported.parent)
    names: dict = {}
    exec(example[1], names)  # what a reader would paste
    verifier = Verifier.from_pretrained()
    found = [verifier.find(photo) for photo in PHOTOS]
    crops = []
    for photo, sighting in zip(PHOTOS, found, strict=True):
        with Image.open(photo) as image:
            pixels = np.asarray(image.convert("RGB"))
        crops.append(names["align"](pixels, sighting.faces[0].landmarks))
    for a in range(4):
        for b in range(a):
            answer = verifier.verify(found[a], found[b])
            probability, decided = names["compare"](crops[a], crops[b])
            assert decided == answer.decision
            assert probability == pytest.approx(answer.probability, abs=0.05)
