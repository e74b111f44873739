"""One stage of training: batches in, a trained network out; resumable bit for bit.

Everything random is a function of (seed, step). The state on disk is the network, the optimiser
and the step; a stage that was killed resumes there and ends with the same weights.
Several processes (`torchrun --standalone --nproc-per-node 2 -m siamese train ...`, or torchrun on
several machines with a common disk) share each batch: each takes a slice. The loss and its gradient
are those of the whole batch; batch norms see a slice each.
"""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, gather_object
from torch import Tensor, nn
from tqdm import tqdm

from siamese import writing
from siamese.backbones import layer_decay
from siamese.errors import InputError
from siamese.network import Siamese
from siamese.training.augment import Augmentation, Draws, apply, draw, view
from siamese.training.objectives import Batch

STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast one stage learns."""

    pictures: int  # shown in total
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.02  # L2, decoupled (AdamW); see `parameter_groups`
    warmup: float = 0.03  # share of the steps; then a half cosine down to `final_rate`
    final_rate: float = 0.005  # of the learning rate
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    save_every: int = 250  # steps
    validate_every: int = 500  # steps; and after the last one

    @property
    def steps(self) -> int:
        """Number of optimiser steps."""
        return max(1, self.pictures // self.batch_size)

    def rate(self, step: int) -> float:
        """The learning rate of a step, as a share of `learning_rate`."""
        warm = max(1, round(self.steps * self.warmup))
        if step < warm:
            return (step + 1) / warm
        progress = (step - warm) / max(1, self.steps - warm)
        return self.final_rate + (1 - self.final_rate) * (1 + math.cos(math.pi * progress)) / 2


class Batches(Protocol):
    """Row numbers of the pictures of batch number `step`; as many at every step."""

    def __getitem__(self, step: int) -> np.ndarray: ...


class Teacher(Protocol):
    """What a student's embeddings shall point like: a network that sees the same views."""

    size: int  # px; its pictures are (N, C, size, size), 0..1, black beyond the photo's edge
    window: tuple[float, float, float, float]  # what it sees of the pixels, x0 y0 x1 y1

    def __call__(self, pictures: Tensor) -> Tensor:
        """Embeddings (N, D) of unit length."""


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What a stage learns from; row i of every array is picture i."""

    pixels: np.ndarray | Tensor  # uint8 (N, C + 1, H, W), see pixels.read_pixels
    identities: np.ndarray  # int64 (N,), -1 where nobody knows
    window: tuple[float, float, float, float]  # canonical crop in the pixels, x0 y0 x1 y1
    teacher: Teacher | None = None

    def views(self, rows: np.ndarray, draws: Draws, size: int) -> Batch:
        """The batch of these rows, changed as drawn; a teacher sees it moved but not spoiled."""
        pixels = self._stored(rows)
        pictures = apply(pixels, draws, self.window, size)
        targets = torch.zeros(len(rows), 1, device=pixels.device)
        if self.teacher is not None:
            targets = self.teacher(view(pixels, draws, self.teacher.window, self.teacher.size))
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        identities = torch.from_numpy(self.identities[rows]).to(pixels.device, non_blocking=True)
        return Batch(pictures, targets, identities)

    def on(self, device: torch.device) -> "Data":
        """The same with all pixels in that device's memory, where views are then made."""
        if isinstance(self.teacher, nn.Module):
            self.teacher.to(device)
        if device.type == "cpu" or isinstance(self.pixels, Tensor):
            return self
        pixels = torch.empty(self.pixels.shape, dtype=torch.uint8, device=device)
        for start in range(0, len(pixels), 4096):  # gigabytes, of which memory need not hold all
            pixels[start : start + 4096] = torch.from_numpy(
                self.pixels[start : start + 4096].copy()
            )
        return replace(self, pixels=pixels)

    def _stored(self, rows: np.ndarray) -> Tensor:
        if isinstance(self.pixels, Tensor):
            return self.pixels[torch.from_numpy(rows).to(self.pixels.device, non_blocking=True)]
        return torch.from_numpy(self.pixels[np.sort(rows)][np.argsort(np.argsort(rows))])


def parameter_groups(network: Siamese, weight_decay: float) -> list[dict[str, object]]:
    """Parameters by their L2 factor: none on biases and norms, a layer's own where it has one."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        factor = 0.0
        if parameter.ndim > 1:
            inner = name.removeprefix("backbone.")
            factor = layer_decay(network.backbone, inner, weight_decay)
        groups.setdefault(factor, []).append(parameter)
    return [{"params": found, "weight_decay": factor} for factor, found in groups.items()]


def run_stage(
    objective: nn.Module,
    network: Siamese,
    data: Data,
    batches: Batches,
    schedule: Schedule,
    folder: Path,
    validate: Callable[[Siamese], dict[str, float]] | None = None,
    device: str | None = None,
    identity: str = "",
    compiled: bool = False,
) -> bool:
    """Train `network` in place by `objective`, which holds it.

    Writes `folder`/log.csv (a row every 50 steps and at each validation) and `folder`/state.pt,
    which is the caller's to remove once the network is safe. `identity` is what else makes the
    stage this one and no other, as text. `device` is "cpu" or "cuda", by default what there is;
    pixels and teacher go there too. `compiled` has twin and teacher compiled, which takes a minute
    and pays on a GPU. Raises InputError where there is no such device, where the state in `folder`
    is of another schedule or identity or not the same for all processes, or where these cannot
    share a batch evenly.

    Returns whether this is the first of the processes that share the work, the one that writes.
    """
    accelerator = _accelerator(device)
    network.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        parameter_groups(network, schedule.weight_decay),
        schedule.learning_rate,
        fused=accelerator.device.type == "cuda",
    )
    state = _State(folder / STATE, network, optimizer, repr((schedule, identity)))
    first = state.restore()
    _check_sharing(accelerator, schedule, first)
    data = data.on(accelerator.device)
    if compiled:
        # In place, so that names of tensors stay as they are.
        network.backbone.compile()
        if isinstance(data.teacher, nn.Module):
            data.teacher.compile()
    wrapped, optimizer = accelerator.prepare(objective, optimizer)
    log = _Log(folder / "log.csv", first) if accelerator.is_main_process else None
    steps = range(first, schedule.steps)
    bar = tqdm(steps, "training", disable=log is None, unit="step", initial=first, mininterval=5)
    bar.total = schedule.steps
    network.train()
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * schedule.rate(step)
        batch = _batch(data, batches[step], schedule, step, accelerator, network)
        with accelerator.autocast():
            loss, parts = wrapped(batch)
        if not torch.isfinite(loss):
            raise InputError(f"The loss is no longer finite at step {step}; lower --learning-rate.")
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        network.constrain()
        done = step + 1
        if log is None:
            continue
        row = {"loss": loss.detach(), **parts}
        last = done == schedule.steps
        measured = validate is not None and (last or done % schedule.validate_every == 0)
        if measured and validate is not None:
            row |= {name: torch.tensor(value) for name, value in validate(network).items()}
            network.train()
        if done % 50 == 0 or measured or last:
            values = {name: float(value) for name, value in row.items()}
            shown = len(batch.pictures) * accelerator.num_processes
            log.write(done, done * shown, values)
            bar.set_postfix({"loss": f"{values['loss']:.3f}"})
        if done % schedule.save_every == 0 or last:
            state.save(done)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return accelerator.is_main_process


def wanted_device(device: str | None) -> torch.device:
    """The device of that name, by default what there is; InputError where there is no GPU."""
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here; leave out --device, or use --device cpu.")
    if device or not torch.accelerator.is_available():
        return torch.device(device or "cpu")
    return torch.accelerator.current_accelerator() or torch.device("cpu")


def _accelerator(device: str | None) -> Accelerator:
    """What shares the work among processes, on the device wanted."""
    # Told so, accelerate finds the processes' way to each other without a GPU.
    cpu = wanted_device(device).type == "cpu"
    torch.backends.cudnn.benchmark = not cpu  # all batches have one shape
    # Distillation leaves the head alone, which data parallelism has to be told to expect.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(mixed_precision=_precision(cpu), cpu=cpu, kwargs_handlers=[unused])


def _check_sharing(accelerator: Accelerator, schedule: Schedule, first: int) -> None:
    """InputError where the processes would not do the same steps on equal slices."""
    count = accelerator.num_processes
    if schedule.batch_size % count:
        raise InputError(
            f"{count} processes cannot share a batch of {schedule.batch_size} evenly; choose a"
            " --batch-size that is a multiple."
        )
    if len(set(gather_object([first]))) > 1:
        raise InputError("All processes must see the same output folder, on a disk they share.")


def _precision(cpu: bool) -> str:
    """bf16 where the processor multiplies it natively, else full precision."""
    if torch.cuda.is_available() and not cpu:
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "no"


def _batch(
    data: Data,
    rows: np.ndarray,
    schedule: Schedule,
    step: int,
    accelerator: Accelerator,
    network: Siamese,
) -> Batch:
    """This process's slice of a batch, augmented; the draws are the same for any slicing."""
    generator = torch.Generator().manual_seed((schedule.seed << 32) + step)
    draws = draw(len(rows), network.config.channels, schedule.augmentation, generator)
    share = len(rows) // accelerator.num_processes
    start = accelerator.process_index * share
    size = network.config.image_size
    return data.views(rows[start : start + share], draws.rows(start, start + share), size)


class _State:
    """What a killed stage needs to go on; tied to the stage that it belongs to."""

    def __init__(
        self,
        path: Path,
        network: Siamese,
        optimizer: torch.optim.Optimizer,
        stage: str,
    ) -> None:
        self.path, self.network, self.optimizer = path, network, optimizer
        self.stage = stage

    def restore(self) -> int:
        """Load the state, if there is one; returns the step to go on with."""
        if not self.path.exists():
            return 0
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        if state.get("stage") != self.stage:
            raise InputError(
                f"{self.path.parent} holds an unfinished stage with other settings; finish that one"
                " with its own settings, or choose another folder."
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])

    def save(self, step: int) -> None:
        """Put the state in the place of the old one: a kill never leaves half a file."""
        state = {
            "stage": self.stage,
            "step": step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        packed = io.BytesIO()
        torch.save(state, packed)
        writing.write(self.path, packed.getvalue())


class _Log:
    """A CSV with one column a value; rows after the step a resumed run starts from are dropped."""

    def __init__(self, path: Path, first: int) -> None:
        rows: list[dict[str, str]] = []
        if first and path.exists():
            with path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["step"]) <= first]
        self.path, self.rows = path, rows

    def write(self, step: int, pictures: int, values: dict[str, float]) -> None:
        row = {"step": str(step), "pictures": str(pictures)}
        self.rows.append(row | {name: f"{value:.6g}" for name, value in values.items()})
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, columns)
        writer.writeheader()
        writer.writerows(self.rows)
        writing.write(self.path, table.getvalue().encode())
