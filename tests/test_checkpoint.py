"""What a checkpoint folder holds, and every way in which it is refused.

Each damaged folder is made from one that loads, by one change.
"""

import dataclasses
import json
import pickle
import re
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file

from siamese import SiameseNetwork, Verifier, pretrained, writing
from siamese import checkpoint as checkpoints
from siamese.backbones import BACKBONES
from siamese.checkpoint import CARD, CONFIG, WEIGHTS, CheckpointConfig, dense, load_folder
from siamese.errors import CheckpointError
from siamese.network import NetworkConfig
from tests import small_checkpoints as small

Content = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "toy"
    small.write(made)
    return made


def refusal(folder: Path) -> str:
    """The sentence with which a folder is refused; one line, one full stop at its end."""
    with pytest.raises(CheckpointError) as caught:
        load_folder(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# What holds of a good one


def test_round_trip_keeps_config_weights_and_logits(tmp_path: Path, folder: Path) -> None:
    loaded = load_folder(folder)
    assert loaded.config.network == small.TINY
    assert loaded.config.decision == small.RULE
    assert loaded.config.window == (0.0, 0.0, 112.0, 112.0)
    assert loaded.config.training == ({"sources": {"toy_people.zip": "00"}, "pictures": 10},)
    assert not loaded.network.training
    again = checkpoints.save(tmp_path / "again", loaded.network, loaded.config)
    assert again == loaded.sha256 == checkpoints.file_sha256(folder / WEIGHTS)
    twice = load_folder(tmp_path / "again")
    assert twice.config == loaded.config
    assert torch.equal(small.logits(twice.network), small.logits(loaded.network))


def test_stored_weights_are_those_of_the_network_up_to_16_bits(folder: Path) -> None:
    original, loaded = small.network().state_dict(), load_folder(folder).network.state_dict()
    for name, value in original.items():
        assert torch.allclose(loaded[name].float(), value.float(), rtol=2**-10, atol=1e-7), name


def test_numbers_too_large_for_16_bits_are_stored_whole(tmp_path: Path) -> None:
    """Once, half precision turned a large running variance into infinity without a word."""
    made = small.network()
    with torch.no_grad():
        made.backbone.stem[1].running_var.fill_(1e6)
    checkpoints.save(tmp_path, made, CheckpointConfig(small.TINY))
    assert load_folder(tmp_path).network.backbone.stem[1].running_var[0] == 1e6


@pytest.mark.parametrize("damage", ["not finite", "positive head"])
def test_what_would_not_load_replaces_nothing(damage: str, folder: Path) -> None:
    before, made = small.files(folder), small.network(3)
    config = load_folder(folder).config
    with torch.no_grad():
        if damage == "not finite":
            made.head.weight[0] = -torch.inf
        else:
            made.head.weight.abs_()
    with pytest.raises(CheckpointError, match=re.escape(f"{folder}/{WEIGHTS}")):
        checkpoints.save(folder, made, config)
    assert small.files(folder) == before


def test_what_was_ready_is_put_in_its_place_by_the_next_reader(folder: Path) -> None:
    """As where the writer was killed between two renames."""
    new = folder.parent / "new"
    sha256 = small.write(new, seed=5)
    ready = folder / writing.READY
    ready.mkdir()
    for name in (CONFIG, WEIGHTS):
        (new / name).rename(ready / name)
    (ready / WEIGHTS).rename(folder / WEIGHTS)
    assert load_folder(folder).sha256 == sha256
    assert set(small.files(folder)) == {CONFIG, WEIGHTS}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_survives_the_disk(backbone: str, tmp_path: Path) -> None:
    size = 96 if backbone != "compact" else 32
    made = small.network(config=NetworkConfig(backbone, size, 3, 8))
    checkpoints.save(tmp_path, made, CheckpointConfig(made.config))
    loaded = load_folder(tmp_path)
    assert loaded.network.config == made.config
    assert loaded.network.state_dict().keys() == made.state_dict().keys()


def test_a_config_from_before_mirror_images_is_read(folder: Path) -> None:
    small.edit_config(folder, lambda content: content["network"].pop("mirrored", None))
    assert load_folder(folder).network.config.mirrored is False


def test_the_shape_of_a_backbone_travels_with_it(tmp_path: Path) -> None:
    shaped = dataclasses.replace(small.TINY, blocks=(1, 3, 1), widths=(8, 16, 24), features=20)
    made = small.network(config=shaped)
    checkpoints.save(tmp_path, made, CheckpointConfig(shaped))
    assert '\n    "blocks": [1, 3, 1],\n' in (tmp_path / CONFIG).read_text()
    loaded = load_folder(tmp_path)
    assert loaded.config.network == shaped
    assert len(loaded.network.backbone.stages) == 5
    assert loaded.network.backbone.project.weight.shape == (16, 20)


@pytest.mark.parametrize("source", [checkpoints.EMBEDDED, checkpoints.DRAWINGS])
def test_what_is_shipped_is_written_back_as_it_is(source: Path, tmp_path: Path) -> None:
    """Older programs read it too: nothing is written that only newer ones know."""
    loaded = load_folder(source)
    assert checkpoints.save(tmp_path, loaded.network, loaded.config) == loaded.sha256
    for name in (CONFIG, WEIGHTS):
        assert (tmp_path / name).read_bytes() == (source / name).read_bytes(), name


def test_a_usual_shape_is_not_written(folder: Path) -> None:
    assert "blocks" not in (folder / CONFIG).read_text()


def test_provenance_changes_no_answer(folder: Path) -> None:
    before = small.logits(load_folder(folder).network)
    rule = load_folder(folder).config.decision

    def change(content: Content) -> None:
        content["calibration"] = {"scale": 99, "offset": -5, "people": "nobody"}
        content["training"] = []

    small.edit_config(folder, change)
    after = load_folder(folder)
    assert torch.equal(small.logits(after.network), before)
    assert after.config.decision == rule


def test_embedded_checkpoint_is_the_default_source() -> None:
    found = pretrained.load()
    assert (found.origin, found.folder) == ("embedded", checkpoints.EMBEDDED)
    assert checkpoints.EMBEDDED.name == "weights"
    with pytest.raises(CheckpointError, match="belongs to no checkpoint"):
        pretrained.load(None, revision="main")


def test_answers_name_a_folder_and_not_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors, which only its owner sees, name all of it."""
    small.write(tmp_path / "mine")
    grey = Image.new("RGB", (40, 40), (90, 90, 90))
    for source in (tmp_path / "mine", str(tmp_path / "mine") + "/"):
        answer = Verifier.from_pretrained(source).verify(grey, grey).to_dict()
        assert answer["checkpoint"]["source"] == "mine"
        assert str(tmp_path) not in json.dumps(answer)
    monkeypatch.chdir(tmp_path / "mine")
    assert load_folder(Path()).public_name == "mine"
    small.write(tmp_path / "bare", calibrated=False)
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "bare"))):
        Verifier.from_pretrained(tmp_path / "bare")


# Files


def test_missing_folder(tmp_path: Path) -> None:
    assert "no folder" in refusal(tmp_path / "nothing")


def test_missing_config(folder: Path) -> None:
    (folder / CONFIG).unlink()
    assert "no config.json" in refusal(folder)


def test_missing_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert "no model.safetensors" in refusal(folder)


def test_only_a_pickle(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    torch.save(small.network().state_dict(), folder / "pytorch_model.bin")
    message = refusal(folder)
    assert "pytorch_model.bin" in message
    assert "python -m siamese convert" in message
    assert "owner" in message


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_under_the_name_of_safetensors_is_not_run(
    protocol: int, folder: Path, tmp_path: Path
) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "attacked",))

    (folder / WEIGHTS).write_bytes(pickle.dumps(Attack(), protocol=protocol))
    small.name_weights(folder)
    assert "pickle" in refusal(folder)
    assert not (tmp_path / "attacked").exists()


def test_torch_zip_under_the_name_of_safetensors(folder: Path) -> None:
    torch.save(small.network().state_dict(), folder / WEIGHTS)
    small.name_weights(folder)
    assert "pickle" in refusal(folder)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_header_whose_length_looks_like_a_pickle_is_not_one(protocol: int, folder: Path) -> None:
    """The published Koch network's begins with 80 04: its length is 1,152 bytes."""
    blob = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", blob[:8])
    padded = blob[8 : 8 + length].ljust(0x10080 + 256 * protocol)  # spaces mean nothing in JSON
    content = struct.pack("<Q", len(padded)) + padded + blob[8 + length :]
    assert content[:2] == bytes([0x80, protocol])
    (folder / WEIGHTS).write_bytes(content)
    small.name_weights(folder)
    assert torch.equal(
        small.logits(load_folder(folder).network), small.logits(small.network().half().float())
    )


@pytest.mark.parametrize("kind", ["U8", "F64", "F8_E5M2", "C64", "BOOL", "F4", "nonsense"])
def test_numbers_of_another_kind(kind: str, folder: Path) -> None:
    blob = (folder / WEIGHTS).read_bytes()
    assert b'"F16"' in blob
    text = blob[8:].replace(b'"F16"', f'"{kind}"'.encode())
    length = struct.unpack("<Q", blob[:8])[0] + len(text) - len(blob) + 8
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", length) + text)
    small.name_weights(folder)
    assert any(words in refusal(folder) for words in ("only a part", "unexpected kind"))


@pytest.mark.parametrize("keep", [0, 4, 8, 200, 100_000, -1])
def test_truncated_weights(keep: int, folder: Path) -> None:
    blob = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(blob[:keep])
    small.name_weights(folder)  # even if the config named the half file
    assert any(words in refusal(folder) for words in ("only a part", "damaged"))


def test_other_weights_than_the_config_names(folder: Path, tmp_path: Path) -> None:
    small.write(tmp_path / "other", seed=1)
    (folder / WEIGHTS).write_bytes((tmp_path / "other" / WEIGHTS).read_bytes())
    assert "not those that its config.json names" in refusal(folder)


def test_one_flipped_bit(folder: Path) -> None:
    blob = bytearray((folder / WEIGHTS).read_bytes())
    blob[-100] ^= 1
    (folder / WEIGHTS).write_bytes(blob)
    assert "SHA-256" in refusal(folder)


def test_other_weights_than_the_caller_asked_for(folder: Path) -> None:
    sha256 = checkpoints.file_sha256(folder / WEIGHTS)
    assert load_folder(folder, sha256=sha256).sha256 == sha256
    with pytest.raises(CheckpointError, match="asked for"):
        load_folder(folder, sha256="0" * 64)


# Tensors


def drop(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["backbone.project.bias"]


def add(tensors: dict[str, torch.Tensor]) -> None:
    tensors["backbone.project.bias2"] = torch.zeros(1)


def reshape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["head.weight"] = tensors["head.weight"].reshape(16, 1)


def poison(value: float) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["backbone.project.weight"][3, 5] = value

    return change


def positive(tensors: dict[str, torch.Tensor]) -> None:
    tensors["head.weight"][0, 0] = 0.01


def negative_variance(tensors: dict[str, torch.Tensor]) -> None:
    tensors["backbone.stem.1.running_var"][0] = -1.0


def other_kind(tensors: dict[str, torch.Tensor]) -> None:
    tensors["head.bias"] = tensors["head.bias"].to(torch.int8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop, "missing or extra tensors: backbone.project.bias"),
        (add, "missing or extra tensors: backbone.project.bias2"),
        (reshape, "'head.weight' has shape (16, 1), expected (1, 16)"),
        (poison(float("nan")), "not finite"),
        (poison(float("inf")), "not finite"),
        (positive, "positive weights"),
        (negative_variance, "negative variances"),
        (other_kind, "unexpected kind, torch.int8"),
    ],
)
def test_wrong_tensors(
    change: Callable[[dict[str, torch.Tensor]], None], words: str, folder: Path
) -> None:
    small.edit_weights(folder, change)
    assert words in refusal(folder)


def test_weights_are_never_random(folder: Path) -> None:
    """The usual mixin fills in a missing tensor with random numbers; here nothing comes back."""
    names = list(load_file(folder / WEIGHTS))
    for name in names[:: len(names) // 8]:
        small.write(folder)
        small.edit_weights(folder, lambda tensors, name=name: tensors.pop(name))
        assert name in refusal(folder)


def header(entry: Content) -> bytes:
    content = json.dumps(entry).encode()
    return struct.pack("<Q", len(content)) + content


@pytest.mark.parametrize(
    "blob",
    [
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"{]",
        header({"head.weight": {"dtype": "F16"}}),
        header({"head.weight": 5}),
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        b"\xff" * 1000,
    ],
)
def test_headers_that_are_not_ours(blob: bytes, folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(blob)
    small.name_weights(folder)
    assert "only a part" in refusal(folder)


def test_header_that_asks_for_absurd_sizes(folder: Path) -> None:
    huge = {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}
    names = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).write_bytes(header(dict.fromkeys(names, huge)))
    small.name_weights(folder)
    assert "only a part" in refusal(folder)


def test_file_larger_than_the_network_is_not_read(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(50 << 30)  # a sparse file: 50 GB that take no room
    assert "more than this network can have" in refusal(folder)


# Config


def replace(path: str, value: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        *parents, last = path.split("/")
        for name in parents:
            content = content[int(name) if name.isdigit() else name]
        content[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format_version", 2, "update the program"),
        ("format_version", "1", "no format_version"),
        ("format_version", True, "no format_version"),
        ("format_version", 0, "no format_version"),
        ("surprise", 1, "surprise is unknown"),
        ("network/dropout", 0.5, "dropout is unknown"),
        ("decision/mood", "good", "decision.mood is unknown"),
        ("decision/operating_points/0/extra", 1, "decision.operating_points.0.extra is unknown"),
        ("decision/operating_points/0/fmr/extra", 1, "operating_points.0.fmr.extra is unknown"),
        ("decision/operating_points/0/fmr/value", 0.03, "operating_points.0.fmr.value is unknown"),
        ("\x1b[2J" + "\u202e" * 100, 1, r"wrong: '\x1b[2J\u202e"),
        ("network/backbone", "resnet9000", "Unknown backbone 'resnet9000'"),
        ("network/backbone", ["compact"], "backbone should be a valid string"),
        ("network/backbone", "\x1b[2J", r"Unknown backbone '\x1b[2J'"),
        ("network/image_size", 10**9, "image_size should be less than or equal to 1024"),
        ("network/image_size", 1025, "image_size should be less than or equal to 1024"),
        ("network/image_size", "32", "image_size should be a valid integer"),
        ("network/image_size", True, "image_size should be a valid integer"),
        ("network/embedding_size", 10**6, "embedding_size should be less than"),
        ("network/embedding_size", 0, "embedding_size should be greater than"),
        ("network/channels", 4, "the network has 4 channels"),
        ("network/channels", True, "channels should be a valid integer"),
        ("network/channels", 3.0, "channels should be a valid integer"),
        ("network/mirrored", "yes", "mirrored should be a valid boolean"),
        ("network/std", 0.0, "std should be greater than"),
        ("network/mean", float("nan"), "mean should be a finite number"),
        ("network/mean", "0.5", "mean should be a valid number"),
        ("network/mean", 10**400, "mean should be a "),
        ("network/mean", 10**4000, "mean should be a "),
        ("network/blocks", [1, 2], "blocks.2 is missing"),
        ("network/blocks", [1, 2, 3, 4], "blocks: Tuple should have at most 3 items"),
        ("network/blocks", [1, 2, 10**6], "blocks.2 should be less than"),
        ("network/widths", [1, 2, 3], "widths.0 should be greater than"),
        ("network/widths", [8192, 8192, 8192], "parameters"),
        ("network/features", 1.5, "features should be a valid integer"),
        ("detector", "yolo", "detector should be 'mtcnn' or 'none'"),
        ("detector", ["mtcnn"], "detector should be 'mtcnn' or 'none'"),
        ("window", [0, 0, 112], "window.3 is missing"),
        ("window", [0, 0, 112, float("inf")], "window.3 should be a finite number"),
        ("window", [112, 0, 0, 112], "it has no sensible crop window"),
        ("window", None, "window should be a valid array"),
        ("network", None, "the network should be a dictionary"),
        ("network", [1], "the network should be a dictionary"),
        ("decision/operating_points", [], "decision.operating_points: Tuple should have at least"),
        ("decision/operating_points/0/name", ["balanced"], "0.name should be a valid string"),
        ("decision/operating_points/0/measured_on", 7, "0.measured_on should be a valid string"),
        ("decision/support_scales", [], "decision.support_scales: Tuple should have at least"),
        ("decision/support_scales", [[1.0]], "decision.support_scales.0.1 is missing"),
        ("decision/different_below", float("nan"), "different_below should be a finite number"),
        ("decision/false_matches/levels/1/0", -3.0, "contradicts itself"),
        ("decision/false_matches/levels/1/0", float("nan"), "levels.1.0 should be a finite"),
        ("decision/false_matches/levels/1/1", 100, "contradicts itself"),
        ("decision/false_matches/levels/1/1", 20.0, "levels.1.1 should be a valid integer"),
        ("decision/false_matches/levels/1/3", 0.01, "contradicts itself"),
        ("decision/false_matches/levels/0/1", 99, "contradicts itself"),
        ("decision/false_matches/levels/0", [1], "levels.0.1 is missing"),
        ("decision/false_matches/levels", [], "levels: Tuple should have at least"),
        ("decision/false_matches/trials", 0, "trials should be greater than 0"),
        ("decision/false_matches/measured_on", None, "measured_on should be a valid string"),
        ("decision/false_matches/extra", 1, "decision.false_matches.extra is unknown"),
        ("decision/false_matches", 5, "decision.false_matches should be an object"),
        ("decision/operating_points/0/threshold", "high", "threshold should be a valid number"),
        ("decision/operating_points/0/fmr/errors", 101, "0.fmr has more errors than trials"),
        ("decision/operating_points/0/fmr/errors", -1, "errors should be greater than"),
        ("decision/operating_points/0/fmr/errors", True, "errors should be a valid integer"),
        ("decision/operating_points/0/fmr/low", 0.5, "0.fmr is not inside its own interval"),
        ("decision/operating_points/0/fmr/high", 1.5, "high should be less than"),
        ("decision/operating_points/0/fmr", None, "0.fmr should be an object"),
        ("decision", 5, "decision should be an object"),
        ("calibration", 5, "calibration should be an object"),
        ("training", 5, "training should be a valid array"),
        ("training", [5], "training.0 should be an object"),
        ("license", None, "license should be a valid string"),
        ("license", ["mit"], "license should be a valid string"),
        ("weights_sha256", 5, "does not say which weights it belongs to"),
        ("weights_sha256", "0" * 64, "not those that its config.json names"),
    ],
)
def test_wrong_config(path: str, value: Any, words: str, folder: Path) -> None:
    small.edit_config(folder, replace(path, value))
    assert words in refusal(folder)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from([10**400, -(2**63), 2**64, 1e308, "compact", "\x1b[2J", [1, 2, 3]]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip


def places(content: Any) -> list[tuple[Any, Any]]:
    """Every key of every object and every index of every list, with what it lies in."""
    keys = list(content) if isinstance(content, dict) else range(len(content))
    found = [(content, key) for key in keys]
    for key in keys:
        if isinstance(content[key], (dict, list)):
            found += places(content[key])
    return found


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder whose config is written anew for each try, and its good text."""
    made = tmp_path_factory.mktemp("good")
    small.write(made)
    return made, (made / CONFIG).read_text()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_a_config_says_it_loads_or_is_refused_in_a_sentence(
    data: st.DataObject, good: tuple[Path, str]
) -> None:
    """One thing in it is replaced, dropped, or joined by another."""
    folder, text = good
    content = json.loads(text)
    inside, key = data.draw(st.sampled_from(places(content)))
    change = data.draw(st.sampled_from(["replace", "drop", "add"]))
    if change == "drop":
        del inside[key]
    elif change == "add" and isinstance(inside, dict):
        inside[data.draw(st.text(max_size=5))] = data.draw(ANYTHING)
    else:
        inside[key] = data.draw(ANYTHING)
    (folder / CONFIG).write_text(json.dumps(content))
    try:
        load_folder(folder)
    except CheckpointError as error:
        assert str(error).isprintable() and str(error).endswith(".")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_bare_network_of_any_kind_is_saved_and_loaded(channels: int, tmp_path: Path) -> None:
    """Nobody said what a grey one compares: whole pictures, which need no detector."""
    network = SiameseNetwork(dataclasses.replace(small.TINY, channels=channels))
    network.save_pretrained(tmp_path)
    assert SiameseNetwork.from_pretrained(tmp_path).config.channels == channels
    detector = load_folder(tmp_path).config.detector
    assert detector == ("mtcnn" if channels == 3 else "none")


@pytest.mark.parametrize(
    ("path", "value"), [("window", [8.0, 20.0, 104.0, 117.0]), ("network/channels", 1)]
)
def test_what_a_detector_of_faces_cannot_give_is_refused(
    path: str, value: Any, folder: Path
) -> None:
    small.edit_config(folder, replace("detector", "mtcnn"))
    load_folder(folder)
    small.edit_config(folder, replace(path, value))
    assert "asks for faces, which take a square window and 3 channels" in refusal(folder)


@pytest.mark.parametrize(
    "name", ["network", "window", "detector", "weights_sha256", "format_version"]
)
def test_config_without_a_key_that_shapes_do_not_tell(name: str, folder: Path) -> None:
    """A lost field must not become a default: the wrong preprocessing would load cleanly."""
    small.edit_config(folder, lambda content: content.pop(name))
    assert CONFIG in refusal(folder)


def test_a_checkpoint_from_before_the_curve_of_false_matches_loads(folder: Path) -> None:
    small.edit_config(folder, lambda content: content["decision"].pop("false_matches"))
    rule = load_folder(folder).config.decision
    assert rule is not None and rule.similar(0.0) is None


def test_lists_of_numbers_take_one_line_and_read_the_same(folder: Path) -> None:
    written = (folder / CONFIG).read_text()
    assert "        [-3.0, 100, 0.963, 1.0],\n" in written
    odd = {"a": ["[\n1,\n2]", 3], "b": [], "c": [[1, -2.5e-7], [True]], "d": "[\n  4\n]"}
    assert json.loads(dense(json.dumps(odd, indent=2))) == odd


@pytest.mark.parametrize(
    "name",
    ["backbone", "image_size", "channels", "embedding_size", "mean", "std"],
)
def test_network_config_is_never_completed_from_defaults(name: str, folder: Path) -> None:
    small.edit_config(folder, lambda content: content["network"].pop(name))
    assert name in refusal(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\ud800"])
def test_config_that_is_not_json(text: str, folder: Path) -> None:
    (folder / CONFIG).write_bytes(text.encode(errors="surrogatepass"))
    assert CONFIG in refusal(folder)


def test_huge_config(folder: Path) -> None:
    with (folder / CONFIG).open("r+b") as file:
        file.truncate(10 << 30)
    assert "larger than 1 MB" in refusal(folder)


def test_network_with_too_many_parameters(folder: Path) -> None:
    """Both sizes are allowed by themselves; together they would need gigabytes."""
    small.edit_config(
        folder,
        lambda content: content.update(
            network=dataclasses.asdict(NetworkConfig("koch", 1024, 3, 8192))
        ),
    )
    assert "parameters" in refusal(folder)


@pytest.mark.parametrize(("backbone", "least"), [("koch", 65), ("inception_resnet_v1", 75)])
def test_network_that_cannot_be_built(backbone: str, least: int, folder: Path) -> None:
    """Nor is the smallest picture that goes through refused."""
    BACKBONES[backbone](3, least, 16).eval()(torch.zeros(1, 3, least, least))
    network = dataclasses.asdict(NetworkConfig(backbone, least - 1, 3, 16))
    small.edit_config(folder, lambda content: content.update(network=network))
    assert "cannot be built" in refusal(folder)


def test_absurd_requests_are_refused_without_memory(folder: Path, tmp_path: Path) -> None:
    """In a process that may take 300 MB more than it has, all of them are still sentences."""
    small.write(tmp_path / "wide")
    small.edit_config(
        tmp_path / "wide",
        lambda content: content.update(
            network=dataclasses.asdict(NetworkConfig("koch", 1024, 3, 8192))
        ),
    )
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(50 << 30)
    script = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from siamese.checkpoint import load_folder
        from siamese.errors import CheckpointError
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (300 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for folder in sys.argv[1:]:
            try:
                load_folder(Path(folder))
            except CheckpointError as error:
                print("refused:", error)
    """)
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux's /proc to know how much memory a process has")
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(tmp_path / "wide")],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.count("refused:") == 2


# Its card, and a page that has to start


@pytest.mark.parametrize("card", [b"# caf\xe9\n", b"\xff\xfe#\0", b"# " + b"x" * (4 << 20)])
def test_a_page_does_not_start_with_a_card_that_is_not_text(card: bytes, folder: Path) -> None:
    """It names the card, and the embedded checkpoint answers; who only compares needs no card."""
    (folder / CARD).write_bytes(card)
    started = pretrained.start(folder)
    assert started.checkpoint.origin == "embedded"
    assert f"The model card of {folder} is" in started.problem
    assert load_folder(folder).rule == small.RULE


@pytest.mark.parametrize(
    ("path", "value"),
    [("network/mean", 10**400), ("decision/operating_points/0/measured_on", [1]), ("license", {})],
)
def test_a_page_starts_whatever_the_config_says(path: str, value: Any, folder: Path) -> None:
    small.edit_config(folder, replace(path, value))
    started = pretrained.start(folder)
    assert started.checkpoint.origin == "embedded"
    assert f"The embedded checkpoint answers, not {folder}" in started.problem


# The network by itself


def test_bare_network_is_refused_by_the_verifier(tmp_path: Path) -> None:
    small.network().save_pretrained(tmp_path)
    assert isinstance(SiameseNetwork.from_pretrained(tmp_path), SiameseNetwork)
    with pytest.raises(CheckpointError, match="has not been calibrated"):
        Verifier.from_pretrained(tmp_path)


def test_network_carries_the_whole_config_and_leaves_the_card(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / CARD).write_text("# Mine\n")
    SiameseNetwork.from_pretrained(folder).save_pretrained(out)
    assert load_folder(out).config == load_folder(folder).config
    assert load_folder(out).sha256 == load_folder(folder).sha256
    assert (out / CARD).read_text() == "# Mine\n"


def test_changed_network_loses_its_calibration(folder: Path, tmp_path: Path) -> None:
    """Thresholds that were fitted for other weights would be a lie."""
    network = SiameseNetwork.from_pretrained(folder)
    with torch.no_grad():
        network.head.bias.add_(0.5)
    network.save_pretrained(tmp_path / "out")
    config = load_folder(tmp_path / "out").config
    assert config.decision is None
    assert config.calibration == {}
    assert config.window == load_folder(folder).config.window


def test_network_used_differently_loses_its_calibration(folder: Path, tmp_path: Path) -> None:
    """The same weights embed otherwise together with mirror images."""
    network = SiameseNetwork.from_pretrained(folder).with_mirror(True)
    network.save_pretrained(tmp_path / "out")
    config = load_folder(tmp_path / "out").config
    assert config.network.mirrored
    assert config.decision is None and config.calibration == {}
