"""The trainer: it learns, repeats itself, resumes to the bit, and shares its work."""

import contextlib
import csv
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from siamese.data.people import Picture
from siamese.errors import InputError
from siamese.evaluation.protocols.conditions import Conditions, LabelledCrops
from siamese.network import NetworkConfig, Siamese
from siamese.training.augment import Augmentation, draw
from siamese.training.batches import RelatedBatches, ShuffledBatches, nearest_people
from siamese.training.loop import Batches, Data, Schedule, parameter_groups, run_stage
from siamese.training.objectives import Batch, Distillation, VerificationObjective

CALM = Augmentation(rotation=0, scale=0, colour=0, low_resolution=0, jpeg=0, erase=0, grey=0)
SCHEDULE = Schedule(
    pictures=160, batch_size=16, learning_rate=3e-3, seed=3, augmentation=CALM, save_every=4
)


class ToyTeacher(torch.nn.Module):
    """Names a picture by the colours of its four by four parts."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.size, self.window = side, (0.0, 0.0, float(side), float(side))
        directions = torch.randn(48, 24, generator=torch.Generator().manual_seed(2))
        self.register_buffer("directions", directions)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        colours = functional.adaptive_avg_pool2d(pictures - 0.5, 4).flatten(1)
        return functional.normalize(colours @ self.directions)


def toy_data(people: int = 8, each: int = 4, side: int = 32) -> Data:
    """People that are patterns, pictures that are those patterns with noise."""
    random = np.random.default_rng(0)
    patterns = random.integers(0, 256, (people, 3, 4, 4)).repeat(side // 4, 2).repeat(side // 4, 3)
    identities = np.arange(people).repeat(each)
    noise = random.normal(0, 20, (people * each, 3, side, side))
    planes = (patterns[identities] + noise).clip(0, 255).astype(np.uint8)
    pixels = np.concatenate([planes, np.full((len(planes), 1, side, side), 255, np.uint8)], 1)
    window = (0.0, 0.0, float(side), float(side))
    return Data(pixels, identities, window, ToyTeacher(side))


def toy_network(backbone: str = "compact") -> Siamese:
    torch.manual_seed(1)
    return Siamese(NetworkConfig(backbone, 32, 3, 24))


def train(folder: Path, schedule: Schedule = SCHEDULE, kind: type = Distillation) -> Siamese:
    network, data = toy_network(), toy_data()
    batches = ShuffledBatches(np.ones(len(data.pixels)), schedule.batch_size, schedule.seed)
    folder.mkdir(parents=True, exist_ok=True)
    run_stage(kind(network), network, data, batches, schedule, folder, device="cpu")
    return network


def losses(folder: Path) -> list[float]:
    with (folder / "log.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("kind", [Distillation, VerificationObjective])
def test_training_lowers_the_loss(tmp_path: Path, kind: type) -> None:
    long = Schedule(
        pictures=1600,
        batch_size=32,
        learning_rate=3e-3,
        seed=3,
        augmentation=CALM,
        validate_every=1,
    )
    network, data = toy_network(), toy_data()
    batches = ShuffledBatches(np.ones(len(data.pixels)), 32, 3)
    objective = kind(network)
    network.train()
    pictures = torch.from_numpy(np.asarray(data.pixels)[:32, :3]).float() / 255
    assert data.teacher is not None
    targets = data.teacher(pictures)
    batch = Batch(pictures, targets, torch.from_numpy(data.identities[:32]))
    before = float(objective(batch)[0].detach())
    run_stage(objective, network, data, batches, long, tmp_path, device="cpu")
    network.train()
    assert float(objective(batch)[0]) < 0.6 * before
    assert bool((network.head.weight <= 0).all())


def test_validation_comes_every_so_often_and_at_the_end(tmp_path: Path) -> None:
    network, data = toy_network(), toy_data()
    schedule = replace(SCHEDULE, validate_every=3)
    batches = ShuffledBatches(np.ones(len(data.pixels)), schedule.batch_size, schedule.seed)
    distillation = Distillation(network)
    run_stage(
        distillation, network, data, batches, schedule, tmp_path, lambda _: {"eer": 0.5}, "cpu"
    )
    with (tmp_path / "log.csv").open(newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row.get("eer")]
    assert steps == [
        *range(3, schedule.steps + 1, 3),
        *([schedule.steps] * (schedule.steps % 3 > 0)),
    ]


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    first, again = (train(tmp_path / name).state_dict() for name in "ab")
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_killed_stage_ends_with_the_same_weights(tmp_path: Path) -> None:
    """Killed for real, in the middle: at step 6, after a state was saved at step 4."""
    whole = train(tmp_path / "whole").state_dict()

    class Killed(Exception):
        pass

    network, data = toy_network(), toy_data()
    shuffled = ShuffledBatches(np.ones(len(data.pixels)), SCHEDULE.batch_size, SCHEDULE.seed)

    class UntilSix:
        def __getitem__(self, step: int) -> np.ndarray:
            if step == 6:
                raise Killed
            return shuffled[step]

    folder = tmp_path / "killed"
    folder.mkdir()
    with pytest.raises(Killed):
        run_stage(Distillation(network), network, data, UntilSix(), SCHEDULE, folder, device="cpu")
    assert (folder / "state.pt").exists()
    resumed = train(folder).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert losses(folder) == losses(tmp_path / "whole")


def test_the_log_counts_the_pictures_that_were_shown(tmp_path: Path) -> None:
    """Of a batch of 20, whole groups of people fill 16; a run that goes on counts them too."""
    schedule = replace(SCHEDULE, pictures=100, batch_size=20, save_every=2, validate_every=2)
    people = [Picture("zip", f"{n}/{i}.png", str(n)) for n in range(8) for i in range(4)]
    batches = RelatedBatches(people, None, schedule.batch_size, schedule.seed)

    class UntilThree:
        def __getitem__(self, step: int) -> np.ndarray:
            if step == 3:
                raise KeyboardInterrupt
            return batches[step]

    def log(folder: Path, *sources: Batches) -> list[dict[str, str]]:
        folder.mkdir()
        for source in sources:
            network = toy_network()
            stage = (Distillation(network), network, toy_data(), source, schedule, folder)
            with contextlib.suppress(KeyboardInterrupt):
                run_stage(*stage, lambda _: {"eer": 0.5}, device="cpu")
        return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))

    whole = log(tmp_path / "whole", batches)
    assert [row["pictures"] for row in whole] == ["32", "64", "80"]
    assert log(tmp_path / "killed", UntilThree(), batches) == whole


def test_a_state_of_another_schedule_is_refused(tmp_path: Path) -> None:
    train(tmp_path, SCHEDULE)
    network = toy_network()
    optimizer = torch.optim.AdamW(parameter_groups(network, 0.0))
    from siamese.training.loop import STATE, _State

    _State(tmp_path / STATE, network, optimizer, repr((Schedule(pictures=99), ""))).save(1)
    with pytest.raises(InputError, match="unfinished stage with other settings"):
        train(tmp_path, SCHEDULE)
    torch.save({"schedule": repr(SCHEDULE), "step": 1}, tmp_path / STATE)  # as it once was written
    with pytest.raises(InputError, match="unfinished stage with other settings"):
        train(tmp_path, SCHEDULE)


WORKER = """
import sys
from pathlib import Path
import torch
import numpy as np
from siamese.training.batches import ShuffledBatches
from siamese.training import loop
from siamese.training.loop import run_stage
from siamese.training.objectives import Distillation, VerificationObjective
from tests.training.test_loop import SCHEDULE, toy_data
from siamese.network import NetworkConfig, Siamese

loop._precision = lambda cpu: "no"  # rounding to 16 bits would hide what is compared here
torch.manual_seed(1)
torch.set_num_threads(1)
network, data = Siamese(NetworkConfig("koch", 68, 3, 24)), toy_data(side=68)
batches = ShuffledBatches(np.ones(len(data.pixels)), SCHEDULE.batch_size, SCHEDULE.seed)
folder = Path(sys.argv[1])
kind = Distillation if sys.argv[2] == "distill" else VerificationObjective
if run_stage(kind(network), network, data, batches, SCHEDULE, folder):
    torch.save(network.state_dict(), folder / "weights.pt")
"""


@pytest.mark.parametrize("kind", ["distill", "verify"])
def test_two_processes_reproduce_one(tmp_path: Path, kind: str) -> None:
    """Two gloo processes on the CPU, each with half of every batch, end where one process ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    root = Path(__file__).parents[2]
    found = []
    for world in (1, 2):
        folder = tmp_path / str(world)
        folder.mkdir()
        base = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        base |= {"CUDA_VISIBLE_DEVICES": "", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        processes = []
        for rank in range(world):
            ranks = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world)}
            command = [sys.executable, "-c", WORKER, str(folder), kind]
            processes.append(subprocess.Popen(command, env=base | (ranks if world > 1 else {})))
        assert [process.wait(300) for process in processes] == [0] * world
        found.append(torch.load(folder / "weights.pt", weights_only=True))
    torch.manual_seed(1)
    start = Siamese(NetworkConfig("koch", 68, 3, 24)).state_dict()
    # Adam turns the sign of a vanishing gradient into a whole step, so single weights may differ;
    # what was learned as a whole may not.
    for name, one in found[0].items():
        learned, apart = (one - start[name]).norm(), (found[1][name] - one).norm()
        assert apart <= 0.03 * learned, f"{name}: {apart} apart, {learned} learned"


def test_a_batch_is_made_where_the_network_is(tmp_path: Path) -> None:
    """On "meta", a device without numbers: pixels, views, teacher and loss, none on the CPU."""
    there = torch.device("meta")
    data, network = toy_data().on(there), toy_network().to(there)
    draws = draw(16, 3, Augmentation(), torch.Generator().manual_seed(0))
    batch = data.views(np.arange(16)[::-1].copy(), draws, 32)
    assert batch.pictures.is_meta and batch.targets.is_meta and batch.identities.is_meta
    loss, _ = Distillation(network).loss(network.embed(batch.pictures), batch.targets)
    assert loss.is_meta


def test_compiled_networks_learn_the_same_and_keep_their_names(tmp_path: Path) -> None:
    """What is compiled is run as it is here: a real compiler takes a minute."""
    plain = train(tmp_path / "plain").state_dict()
    network, data = toy_network(), toy_data()
    batches = ShuffledBatches(np.ones(len(data.pixels)), SCHEDULE.batch_size, SCHEDULE.seed)
    (tmp_path / "compiled").mkdir()
    with torch.compiler.set_stance("force_eager"):
        objective = Distillation(network)
        run_stage(
            objective, network, data, batches, SCHEDULE, tmp_path / "compiled", None, "cpu",
            compiled=True,
        )  # fmt: skip
    assert network.backbone._compiled_call_impl is not None
    assert data.teacher._compiled_call_impl is not None  # type: ignore[union-attr]
    for name, value in network.state_dict().items():
        assert torch.equal(value, plain[name]), name


def test_l2_is_layer_by_layer_and_spares_biases() -> None:
    groups = parameter_groups(toy_network(), 0.02)
    factors = {group["weight_decay"]: len(group["params"]) for group in groups}  # type: ignore[arg-type]
    assert set(factors) == {0.0, 0.02}
    koch = Siamese(NetworkConfig("koch", 68, 3, 24))
    assert {group["weight_decay"] for group in parameter_groups(koch, 0.02)} == {
        0,
        2e-4,
        1e-3,
        0.02,
    }


def test_an_epoch_shows_every_picture_once() -> None:
    batches = ShuffledBatches(np.ones(40), 8, seed=2)
    epochs = [
        np.sort(np.concatenate([batches[s] for s in range(e * 5, e * 5 + 5)])) for e in (0, 1)
    ]
    assert epochs[0].tolist() == epochs[1].tolist() == list(range(40))
    assert not np.array_equal(batches[0], batches[5])


def test_an_epoch_shows_pictures_as_often_as_they_are_emphasised() -> None:
    emphasis = np.repeat([1.0, 2.5, 0.0], 400)
    batches = ShuffledBatches(emphasis, 1, seed=2)
    shown = np.concatenate([batches[step] for step in range(len(batches.rows))])
    times = np.bincount(shown, minlength=1200)
    assert set(times[:400]) == {1} and set(times[400:800]) == {2, 3} and not times[800:].any()
    assert times[400:800].mean() == pytest.approx(2.5, abs=0.1)


def test_relatives_meet_in_a_batch() -> None:
    names = [f"F{f:02d}_MID{m}" for f in range(10) for m in range(3)]
    pictures = [Picture("x", f"{name}/{i}", name) for name in names for i in range(4)]
    centroids = np.random.default_rng(0).normal(size=(30, 8))
    rows = RelatedBatches(pictures, centroids, 32, seed=0)[0]
    assert len(rows) == 32
    groups = rows.reshape(2, 4, 4)  # groups, people, pictures
    for group in groups:
        owners = [{pictures[row].identity for row in person} for person in group]
        assert all(len(owner) == 1 for owner in owners)
        members = [next(iter(owner)) for owner in owners]
        assert len(set(members)) == 4
        assert sum(m.startswith(members[0][:3]) for m in members) >= 3


def test_validation_rates_against_a_slow_count_of_every_pair() -> None:
    network, data = toy_network(), toy_data()
    crops = np.ascontiguousarray(np.asarray(data.pixels)[:, :3].transpose(0, 2, 3, 1))
    with torch.inference_mode():
        rows = network.eval().embed(torch.from_numpy(np.asarray(data.pixels)[:, :3]).float() / 255)
        logits = network.compare(rows[:, None], rows[None]).numpy()
    pairs = [(a, b) for a in range(len(rows)) for b in range(a)]
    same = np.array([data.identities[a] == data.identities[b] for a, b in pairs])
    scores = np.array([logits[pair] for pair in pairs])
    impostor = np.sort(scores[~same])
    limit = next(t for t in impostor if np.mean(impostor >= t) <= 0.01)
    everybody = LabelledCrops(
        crops, data.identities, data.identities, np.zeros_like(data.identities)
    )
    found = Conditions(everybody, within=False, window=None).log_row(network)
    assert found["validation_tar_1"] == pytest.approx(np.mean(scores[same] >= limit))
    rates = [(np.mean(impostor >= t), np.mean(scores[same] < t)) for t in (*impostor, np.inf)]
    matched, missed = min(rates, key=lambda pair: abs(pair[0] - pair[1]))
    assert min(matched, missed) - 0.01 < found["validation_eer"] < max(matched, missed) + 0.01


def test_a_group_can_be_all_of_one_family() -> None:
    """Characters of one alphabet; what is missing is filled up with others."""
    names = [f"{letter}/c{i}" for letter, count in (("A", 9), ("B", 3)) for i in range(count)]
    pictures = [Picture("zip", f"{name}/{n}.png", name) for name in names for n in range(5)]
    batches = RelatedBatches(pictures, None, 32, 0, 4, 8, 7, lambda name: name[0])
    seen = set()
    for step in range(20):
        rows = batches[step]
        assert len(rows) == 32 and len(set(rows.tolist())) == 32
        letters = [pictures[row].identity[0] for row in rows]
        seen.add(letters[0])
        assert letters.count(letters[0]) >= (32 if letters[0] == "A" else 12)
    assert seen == {"A", "B"}


def test_a_quarter_of_a_batch_has_no_name() -> None:
    pictures = [Picture("x", f"{n}/{i}", str(n)) for n in range(20) for i in range(4)]
    batches = RelatedBatches(pictures, None, 32, 0, per_person=2, group=4, kin=0, nameless=50)
    for step in range(10):
        rows = batches[step]
        assert len(rows) == 32 and rows[:24].max() < 80
        assert len(set(rows[24:].tolist())) == 8 and rows[24:].min() >= 80 and rows.max() < 130


def test_what_whole_groups_leave_of_a_batch_is_filled_without_names() -> None:
    pictures = [Picture("x", f"{n}/{i}", str(n)) for n in range(20) for i in range(4)]
    batches = RelatedBatches(pictures, None, 32, 0, per_person=4, group=4, kin=0, nameless=50)
    assert len(batches[0]) == 32 and sum(batches[0] >= 80) == 16


def test_nearest_people_against_the_full_matrix() -> None:
    centroids = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    unit = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -2)
    expected = np.argsort(-similarity, axis=1)[:, :5]
    assert np.array_equal(np.sort(nearest_people(centroids, 5)), np.sort(expected))


def test_verification_loss_against_slow_loops() -> None:
    """All genuine and impostor pairs one by one; without a name or a target, none takes part."""
    network = toy_network().eval()
    data = toy_data()
    rows = np.array([0, 1, 4, 5, 8])
    identities = torch.tensor([0, 0, 1, 1, -1])
    embedding = network.embed(torch.from_numpy(np.asarray(data.pixels)[rows, :3]).float() / 255)
    objective = VerificationObjective(network, hard_weight=0.5, distillation_weight=0)
    loss, _ = objective.loss(embedding, torch.zeros(5, 1), identities)
    genuine, impostor = [], []
    for i in range(4):
        for j in range(4):
            logit = float(network.compare(embedding[i], embedding[j]))
            same = int(identities[i] == identities[j])
            cross_entropy = float(np.log1p(np.exp(-logit if same else logit)))
            if i != j:
                (genuine if same else impostor).append(cross_entropy)
    hardest = np.sort(impostor)[::-1][: -(-len(impostor) // 10)].mean()
    expected = (np.mean(genuine) + np.mean(impostor) + 0.5 * hardest) / 2.5
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_pairs_whose_targets_agree_are_not_impostors() -> None:
    network = toy_network().eval()
    embedding = torch.randn(2, 24, generator=torch.Generator().manual_seed(0))
    numbers = torch.tensor([0, 1])
    close = torch.tensor([[1.0, 0.0], [0.9, np.sqrt(1 - 0.81)]])
    far = torch.eye(2)
    objective = VerificationObjective(network, distillation_weight=0)
    kept, dropped = (
        objective.loss(embedding, targets.float(), numbers)[1]["impostor"]
        for targets in (far, close)
    )
    assert float(kept) > 0 and float(dropped) == 0


def test_a_picture_without_a_name_is_an_impostor_where_its_target_says_so() -> None:
    network = toy_network().eval()
    embedding = torch.randn(3, 24, generator=torch.Generator().manual_seed(0))
    nobody = torch.tensor([0, 0, -1])
    objective = VerificationObjective(network, distillation_weight=0)
    logits = network.compare(embedding[:2], embedding[2])
    far = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    loss = objective.loss(embedding, far, nobody)[1]["impostor"]
    expected = torch.nn.functional.softplus(logits).mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-4)
    for lacking in ([[1.0], [1.0], [0.0]], [[0.0], [0.0], [1.0]]):
        untold = objective.loss(embedding, far * torch.tensor(lacking), nobody)
        assert float(untold[1]["impostor"]) == 0
