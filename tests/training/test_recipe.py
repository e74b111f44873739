"""A recipe end to end, killed wherever it hurts; and recipes that cannot be followed.

pytest tests/training/test_recipe.py
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from siamese import __main__ as cli
from siamese import checkpoint
from siamese.commands import exit_codes
from siamese.data import people
from siamese.data.people import Part
from siamese.errors import InputError
from siamese.network import NetworkConfig, Siamese
from siamese.training import calibrate, loop
from siamese.training.recipe import Recipe, Workspace, make, read_recipe
from siamese.values import adapter
from tests.conftest import REPOSITORY
from tests.evaluation import world
from tests.reference import write_reference

RECIPE = """
window = [0, 0, 112, 112]
protocols = ["calibration_people"]

[files]
people = ["people.zip"]
unlabelled = ["loose.zip"]
teacher = "reference.safetensors"

[parent]
path = "twin.safetensors"
sha256 = "{sha256}"
origin = "a die"

[network]
image_size = 32
embedding_size = 192
blocks = [1, 1, 1]
widths = [8, 16, 24]
features = 24

[distill]
pictures = 96
batch_size = 32
save_every = 1

[every]
pictures = 64
batch_size = 32
learning_rate = 1e-3
save_every = 1
emphasis = {{ "people.zip" = 2 }}

[[siamese]]
seed = 1

[[siamese]]
seed = 2
distillation = 0

[calibrate]
mirrored = true
license = "mit"
license_reason = "It was made here."
"""
STEPS = 3 + 2 + 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough people for both halves of a calibration, a twin and its recipe."""
    folder = tmp_path_factory.mktemp("data")
    counts = {Part.TRAIN: 24, Part.CALIBRATION: 60, Part.VALIDATION: 6}
    names = [who for part, count in counts.items() for who in world.people_of(part, count, "p{}")]
    pictures = {f"{who}/{n}.webp": (who, n) for who in names for n in range(3)}
    world.write_zip(folder / "people.zip", pictures, 128)
    world.write_zip(folder / "loose.zip", {f"{n}.webp": (f"x{n}", 0) for n in range(12)}, 128)
    write_reference(folder / "reference.safetensors", people.list_pictures(folder / "people.zip"))
    torch.manual_seed(0)
    shape = NetworkConfig(
        image_size=32, embedding_size=192, blocks=(1, 1, 1), widths=(8, 16, 24), features=24
    )
    twin = folder / "twin.safetensors"
    save_file(Siamese(shape).backbone.state_dict(), twin)
    (folder / "recipe.toml").write_text(RECIPE.format(sha256=people.fingerprint(twin)))
    return folder


def follow(data: Path, out: Path) -> int:
    words = ["--recipe", str(data / "recipe.toml"), "--data", str(data), "--out", str(out)]
    return cli.main(["train", *words, "--cache", str(data / "cache"), "--device", "cpu"])


def content(folder: Path) -> dict[str, bytes]:
    """What a run leaves behind, which must be the same every time."""
    names = (checkpoint.WEIGHTS, checkpoint.CONFIG, checkpoint.METRICS, "log.csv")
    return {name: (folder / name).read_bytes() for name in names}


def killing(patch: pytest.MonkeyPatch, module: object, name: str, calls: list[int]) -> None:
    """Kill the run at the calls whose numbers are given, counted over all runs."""
    real: Callable[..., object] = getattr(module, name)
    made = [0]

    def counted(*given: object) -> object:
        made[0] += 1
        if made[0] in calls:
            raise KeyboardInterrupt
        return real(*given)

    patch.setattr(module, name, counted)


def test_a_recipe_that_was_killed_anywhere_ends_as_one_that_was_not(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In three stages and before the calibration; no step is done twice."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    batches: list[int] = []
    real = loop._batch

    def counted(*given: object) -> object:
        batches.append(1)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_batch", counted)
    assert follow(data, whole) == 0
    assert len(batches) == STEPS
    with monkeypatch.context() as patch:
        killing(patch, loop, "_batch", [3, 5, 9])
        killing(patch, calibrate, "_fold", [1])
        codes = [follow(data, killed) for _ in range(5)]
    assert codes == [exit_codes.STOPPED] * 4 + [0]
    assert len(batches) == 2 * STEPS
    assert content(killed) == content(whole)
    assert follow(data, killed) == 0, "nothing is left to do"
    assert len(batches) == 2 * STEPS and content(killed) == content(whole)


def test_the_record_tells_the_stages_with_their_hashes_and_the_recipe(
    data: Path, tmp_path: Path
) -> None:
    assert follow(data, tmp_path) == 0
    made = checkpoint.load_folder(tmp_path)
    begun, distilled, first, second, mean = made.config.training
    assert (begun["twin"], begun["origin"]) == ("twin.safetensors", "a die")
    assert begun["twin_sha256"] == people.fingerprint(data / "twin.safetensors")
    stages = tmp_path / "stages"
    hashes = {path.name: checkpoint.load_folder(path).sha256 for path in stages.iterdir()}
    assert distilled["parent_sha256"] == hashes["parent"]
    assert first["parent_sha256"] == second["parent_sha256"] == hashes["distill"]
    assert (first["distillation"], second["distillation"]) == (1.0, 0.0)
    assert mean["parents_sha256"] == [hashes["siamese-1"], hashes["siamese-2"]]
    calibration = made.config.calibration
    assert calibration["parent_sha256"] == hashes["mean"]
    assert calibration["recipe"]["siamese"][1]["seed"] == 2
    assert made.config.network.mirrored and made.config.license == "mit"
    assert list(json.loads((tmp_path / checkpoint.METRICS).read_text())["protocols"])
    twin = load_file(data / "twin.safetensors")["project.weight"]
    begun_with = checkpoint.load_folder(stages / "parent").network.backbone.state_dict()
    assert torch.equal(begun_with["project.weight"], twin.half().float())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("a die", 'a die"\nsize = 3\n#'), "parent.size is unknown to this program"),
        (("pictures = 96", 'pictures = "many"'), "distill.pictures should be a valid integer"),
        (("[files]", "[files"), "is not a recipe"),
        (("[parent]", "[elsewhere]"), "elsewhere is unknown"),
        (("[files]", "shares = [1]\n[files]"), "has 1 shares for 2 siamese stages"),
    ],
)
def test_what_is_not_a_recipe_is_reported(
    data: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text((data / "recipe.toml").read_text().replace(*change))
    with pytest.raises(InputError, match=message):
        read_recipe(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("loose.zip", "other.zip"), "needs other.zip in"),
        (('sha256 = "', 'sha256 = "0'), "and the recipe says 0"),
        (("features = 24", "features = 25"), "does not fit the recipe's .network."),
    ],
)
def test_what_cannot_be_followed_is_reported_before_anything_is_trained(
    data: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text((data / "recipe.toml").read_text().replace(*change))
    with pytest.raises(InputError, match=message):
        make(read_recipe(path), Workspace(data, data / "cache"), tmp_path / "out")
    assert not list(tmp_path.rglob(loop.STATE))


def test_a_recipe_allows_no_options_that_it_decides(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--recipe", str(data / "recipe.toml"), "--data", str(data), "--out", "x"]
    assert cli.main([*words, "--seed", "7"]) == exit_codes.INPUT_ERROR
    assert "The recipe decides --seed" in capsys.readouterr().err
    assert cli.main([*words[:4], str(data), *words[4:]]) == exit_codes.INPUT_ERROR
    assert "--data is one folder" in capsys.readouterr().err


def test_the_recipe_of_the_embedded_checkpoint_can_be_followed(faces_data: Path) -> None:
    """Its parent is in the history of the repository, which a copy of it may lack."""
    recipe: Recipe = read_recipe(REPOSITORY / "weights" / "recipe.toml")
    files = recipe.files
    assert files.teacher and recipe.parent
    for name in (*files.people, *files.unlabelled, files.teacher):
        assert (faces_data / name).exists(), name
    trained = checkpoint.load_folder(checkpoint.EMBEDDED).config
    assert [it for it in trained.training if it.get("parent_sha256") == recipe.parent.sha256]
    said = adapter(Recipe).dump_python(recipe, mode="json", exclude_none=True)
    assert trained.calibration["recipe"] == said
