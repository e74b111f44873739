"""Held-out people by condition, on a world of textures whose names tell what they show.

pytest tests/evaluation/protocols/test_conditions.py
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from siamese.checkpoint import CheckpointConfig
from siamese.data.people import Part, yaw_of
from siamese.data.split import PEOPLE
from siamese.evaluation.protocols import conditions
from siamese.evaluation.protocols.conditions import Conditions, LabelledCrops, columns
from siamese.network import NetworkConfig, Siamese
from tests.evaluation import world

CONFIG = CheckpointConfig(NetworkConfig(image_size=32, embedding_size=16))
YAWS = ("frontal", "yaw00", "yaw45", "yaw90", "profile", "yawxx")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Conditions:
    folder = tmp_path_factory.mktemp("conditions")
    families = world.people_of(Part.VALIDATION, 5, "F{}")
    members = [f"{family}_MID{n}" for family in families for n in (1, 2)]
    turned = world.people_of(Part.VALIDATION, 4, "lab_{}") + world.people_of(
        Part.VALIDATION, 3, "other_{}"
    )
    trained = world.people_of(Part.TRAIN, 3, "p{}")
    names = {f"{who}/{n}.webp": (who, n) for who in members + trained for n in range(3)}
    poses = {f"{who}/{n}_{yaw}.webp": (who, n) for who in turned for n, yaw in enumerate(YAWS)}
    ages = {f"aaf/{n}_age{4 * n:02d}.webp": (f"x{n}", 0) for n in range(8)}
    for name, content in (("people", names), ("poses", poses), ("ages", ages)):
        world.write_zip(folder / f"{name}.zip", content, 128)
    found = Conditions.load(
        [folder / "people.zip", folder / "poses.zip"],
        [folder / "ages.zip"],
        CONFIG,
        PEOPLE,
        folder / "cache",
    )
    assert found is not None
    return found


@pytest.fixture(scope="module")
def network() -> Siamese:
    torch.manual_seed(0)
    return Siamese(CONFIG.network).eval()


@pytest.mark.parametrize(
    ("name", "yaw"),
    [("cfp_001/0003_profile.webp", 90), ("kdef_F01/0101_yaw45.webp", 45), ("a_1/2.webp", None)],
)
def test_names_tell_the_yaw(name: str, yaw: float | None) -> None:
    assert yaw_of(name) == yaw
    assert np.isnan(yaw_of("fei_1/3_yawxx.webp") or 0)
    assert conditions.age_of("aaf/00123_age04.webp") == 4
    assert conditions.age_of("aaf/age04/1.webp") is None


def test_everybody_is_placed_where_the_names_say(loaded: Conditions) -> None:
    assert len(loaded.main.crops) == 30 and len(set(loaded.main.people.tolist())) == 10
    assert loaded.relatives is not None and len(loaded.relatives.crops) == 30
    assert loaded.turned is not None and len(loaded.turned.crops) == 7 * len(YAWS)
    assert loaded.children is not None and len(loaded.children) == 4  # 0, 4, 8 and 12 years


def test_figures_by_slow_loops(loaded: Conditions, network: Siamese) -> None:
    """Frontal against 45 degrees, relatives and children, pair by pair."""
    report = loaded.measure(network)
    turned, yaws = loaded.turned, loaded.yaws
    assert turned is not None and yaws is not None and loaded.children is not None

    def logits(crops: np.ndarray) -> np.ndarray:
        rows = torch.from_numpy(network.embed_crops(crops))
        return network.compare(rows[:, None], rows[None]).detach().numpy()

    scores, kinds = logits(turned.crops), ["frontal" if not yaw else f"{yaw:g}" for yaw in yaws]
    genuine, impostor = [], []
    for a in range(len(yaws)):
        for b in range(a + 1, len(yaws)):
            if (kinds[a], kinds[b]) == ("frontal", "45"):
                if turned.people[a] == turned.people[b]:
                    genuine.append(scores[a, b])
                elif turned.collections[a] == turned.collections[b]:
                    impostor.append(scores[a, b])
    assert len(genuine) == 7 * 2
    assert report["yaw"]["45"]["genuine_pairs"] == len(genuine)
    assert report["yaw"]["45"]["impostor_pairs"] == len(impostor)
    threshold = report["yaw"]["45"]["tar_at_far_1"]["threshold"]
    assert threshold == pytest.approx(max(impostor), abs=1e-3)
    found = report["relatives"]
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (10 * 3, 5 * 9)
    limit = report["general"]["tar_at_far_1"]["threshold"]
    pairs = logits(loaded.children)[np.triu_indices(4, 1)]
    assert report["children"]["errors"] == int((pairs >= limit).sum())
    assert report["children"]["trials"] == 6


def test_a_spoiled_copy_is_not_compared_with_itself(loaded: Conditions, network: Siamese) -> None:
    spoiled = loaded.measure(network)["spoiled"]
    assert set(spoiled) == {"untouched", *conditions.SPOILS}
    chosen = -(-30 // conditions.SPOILED)
    assert {part["genuine_pairs"] for part in spoiled.values()} == {chosen * 2}
    assert len({part["eer"] for part in spoiled.values()}) > 1


def test_glasses_lie_over_the_eyes_of_any_window() -> None:
    white = np.full((96, 96, 3), 255, np.uint8)
    whole = conditions.sunglasses(np.full((112, 112, 3), 255, np.uint8), (0, 0, 112, 112))
    part = conditions.sunglasses(white, (8, 20, 104, 116))
    assert np.array_equal(whole[20:, 8:104][:92], part[:92])
    for x, y in ((38, 52), (73, 52)):
        assert whole[y, x].max() < 20
    assert whole[80:].min() == 255 and white.min() == 255


def test_a_log_has_a_column_for_each_condition_that_there_is(
    loaded: Conditions, network: Siamese
) -> None:
    names = set(columns(loaded.measure(network)))
    told = {"relatives_eer", "yaw_45_eer", "blur_tar_1", "children_fmr"}
    assert names >= {"validation_eer", *(f"validation_{name}" for name in told)}
    plain = dataclasses.replace(
        loaded, relatives=None, turned=None, yaws=None, children=None, window=None
    )
    assert set(columns(plain.measure(network))) == {
        "validation_eer", "validation_tar_1", "validation_tar_0_1",
    }  # fmt: skip


def test_impostors_are_of_one_collection_and_of_other_families(tmp_path: Path) -> None:
    crops = np.zeros((4, 8, 8, 3), np.uint8)
    shown = LabelledCrops(
        crops, np.array([0, 1, 2, 2]), np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])
    )
    genuine, impostor = shown.pairs(shown, related=False)
    assert np.argwhere(np.triu(genuine, 1)).tolist() == [[2, 3]]
    assert np.argwhere(np.triu(impostor, 1)).tolist() == [[0, 2], [1, 2]]
    assert np.argwhere(np.triu(shown.pairs(shown, related=True)[1], 1)).tolist() == [[0, 1]]
