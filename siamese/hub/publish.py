"""Publish a checkpoint, or the Space itself, to the Hugging Face Hub under one's own name.

What is published is checked as strictly as loading checks it, goes up in one commit, and is
exactly what is listed by a dry run. `repository` moves the bytes.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from siamese import checkpoint as checkpoints
from siamese.checkpoint import (
    CARD,
    CONFIG,
    METRICS,
    VARIABLE,
    WEIGHTS,
    Checkpoint,
    CheckpointConfig,
    read_card,
)
from siamese.errors import CheckpointError, InputError
from siamese.hub import card as model_card
from siamese.hub.reference import parse
from siamese.hub.repository import Commit, Hub
from siamese.network import Siamese

ROOT = Path(__file__).resolve().parents[2]  # of the app: app.py, README.md, siamese/, weights/, ...

# What a Space needs: these files, what the README links to, and of these folders the files of these
# kinds. Training and evaluation never run there.
SPACE_FILES = ("app.py", "requirements.txt", "README.md", "LICENSE")
SPACE_FOLDERS = ("siamese", "ui", "weights", "examples")
SPACE_KINDS = {
    ".py", ".css", ".js", ".html", ".j2", ".jinja", ".svg", ".png", ".webp", ".json", ".yaml",
    ".md", ".safetensors",
}  # fmt: skip
LEFT_OUT = (
    "siamese/__main__.py", "siamese/commands/", "siamese/data/", "siamese/evaluation/",
    "siamese/training/", "examples/composites.py", "examples/cast.json",
    "examples/screenshots.py", "ui/sentences.py",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Published:
    """What went up, or would have: sizes in bytes by path; `commit` is None after a dry run."""

    url: str
    sizes: Mapping[str, int]
    commit: Commit | None

    @property
    def total_bytes(self) -> int:
        """The sizes of all files together."""
        return sum(self.sizes.values())


def publish(
    folder: Path,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    dry_run: bool = False,
    hub: Hub | None = None,
) -> Published:
    """Upload a checkpoint folder to the model repo `owner/name`, which is created if needed.

    `revision` is a branch, created if needed; `create_pr` opens a pull request against the main
    branch instead. A dry run checks everything here and sends nothing.

    Raises CheckpointError where the folder would not load or the Hub does not take it, InputError
    where the arguments contradict each other.
    """
    hub = hub or Hub()
    _check_target(repo, revision, create_pr)
    checkpoint = checkpoints.load_folder(folder)
    _ = checkpoint.rule  # CheckpointError where it was never calibrated
    files = checkpoint_files(folder, checkpoint, repo)
    url = f"{hub.url}/{repo}"
    if dry_run:
        return Published(url, _sizes(files), None)
    if not create_pr:
        hub.create_repo(repo, private=private)
    if revision is not None:
        hub.create_branch(repo, revision)
    message = f"Publish weights {checkpoint.sha256[:12]}"
    made = hub.commit(repo, files, message, revision=revision, create_pr=create_pr)
    return Published(url, _sizes(files), made)


def checkpoint_files(folder: Path, checkpoint: Checkpoint, repo: str) -> dict[str, Path | bytes]:
    """What is published from a checkpoint's folder, by path: weights, config, card, metrics, plots.

    Raises CheckpointError where the metrics are of other weights, or a file lies elsewhere.
    """
    files: dict[str, Path | bytes] = {
        WEIGHTS: _inside(folder, WEIGHTS),
        CONFIG: _inside(folder, CONFIG),
    }
    if (folder / METRICS).is_file():
        files[METRICS] = _inside(folder, METRICS)
        _check_metrics(folder / METRICS, checkpoint)
    card = read_card(_inside(folder, CARD).parent)
    if card is not None:
        files |= {name: _inside(folder, name) for name in _linked(folder, CARD)}
        card = model_card.complete(card, checkpoint.config, repo)
    else:
        card = model_card.minimal(checkpoint.config, repo)
    files[CARD] = card.encode()
    return files


def push(
    network: Siamese,
    config: CheckpointConfig,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    hub: Hub | None = None,
) -> Commit:
    """Upload a network, calibrated or bare, in one commit; a card in the repo is left as it is.

    Raises CheckpointError and InputError as `publish` does.
    """
    hub = hub or Hub()
    _check_target(repo, revision, create_pr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sha256 = checkpoints.save(folder, network, config)
        if not create_pr:
            hub.create_repo(repo, private=private)
        if revision is not None:
            hub.create_branch(repo, revision)
        files: dict[str, Path | bytes] = {name: folder / name for name in (WEIGHTS, CONFIG)}
        if CARD not in hub.list_files(repo, revision).sizes:
            files[CARD] = model_card.minimal(config, repo).encode()
        message = f"Push weights {sha256[:12]}"
        return hub.commit(repo, files, message, revision=revision, create_pr=create_pr)


def publish_space(
    repo: str,
    *,
    checkpoint: str | None = None,
    private: bool = False,
    dry_run: bool = False,
    root: Path = ROOT,
    hub: Hub | None = None,
) -> Published:
    """Upload the app to the Gradio Space `owner/name`, which is created if needed.

    `checkpoint` (`owner/name@revision`) is fetched and loaded here first, then becomes the Space's
    variable SIAMESE_CHECKPOINT; without it the Space answers with weights/, or with what the
    variable already says. Files of an earlier version that are no longer needed are deleted from
    the folders in SPACE_FOLDERS.

    Raises CheckpointError where the checkpoint does not load or the Hub does not take the app.
    """
    hub = hub or Hub()
    _check_target(repo, None, False)
    files = space_files(root)
    if checkpoint is not None:
        reference = parse(checkpoint)
        fetched = hub.fetch(reference)
        loaded = checkpoints.load_folder(fetched.folder, fetched.origin, reference.sha256)
        _ = loaded.rule
    url = f"{hub.url}/spaces/{repo}"
    if dry_run:
        return Published(url, _sizes(files), None)
    hub.create_repo(repo, kind="space", private=private)
    if checkpoint is not None:
        # Before the files, so that the first start knows it already.
        hub.set_variable(repo, VARIABLE, checkpoint)
    there = hub.list_files(repo, kind="space").sizes
    ours = tuple(f"{folder}/" for folder in SPACE_FOLDERS)
    stale = [name for name in there if name.startswith(ours) and name not in files]
    made = hub.commit(repo, files, "Publish the app", kind="space", delete=stale)
    return Published(url, _sizes(files), made)


def space_files(root: Path = ROOT) -> dict[str, Path | bytes]:
    """What a Space needs of the app in `root`, by path there.

    Raises InputError where `root` does not hold the app, CheckpointError where its embedded
    checkpoint would not load.
    """
    missing = [name for name in SPACE_FILES if not (root / name).is_file()]
    if missing:
        raise InputError(
            f"{root} does not hold the app: {missing[0]} is missing. Please run"
            " `python -m siamese publish-space` in a checkout of the repository."
        )
    checkpoints.load_folder(root / "weights")
    names = [*SPACE_FILES, *_linked(root, CARD)]
    for folder in SPACE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and path.suffix in SPACE_KINDS and not name.startswith(LEFT_OUT):
                names.append(name)
    return {name: _inside(root, name) for name in names}


def _check_target(repo: str, revision: str | None, create_pr: bool) -> None:
    if parse(repo).repo != repo:
        raise InputError(f"'{repo}' is not the name of a repo; write owner/name.")
    parse(repo, revision)
    if create_pr and revision not in (None, "main"):
        raise InputError("A pull request goes to the main branch; leave the revision out.")


def _check_metrics(path: Path, checkpoint: Checkpoint) -> None:
    """Refuse figures that were measured on other weights, or that nothing can read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        measured = content["weights_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} does not say what it measured; evaluate again.") from error
    if measured != checkpoint.sha256:
        raise CheckpointError(
            f"{path} was measured on other weights ({str(measured)[:12]}..., these are"
            f" {checkpoint.sha256[:12]}...); evaluate again."
        )


def _linked(root: Path, document: str) -> list[str]:
    """The files of `root` that a document links to or shows, and those that these do, sorted."""
    found: set[str] = set()
    waiting = [document]
    while waiting:
        name = waiting.pop()
        near = PurePosixPath(name).parent
        for link in model_card.links((root / name).read_text(encoding="utf-8")):
            target = os.path.normpath(near / link)
            if (root / target).is_file() and target not in found:
                found.add(target)
                waiting += [target] * (PurePosixPath(target).suffix in (".md", ".html"))
    return sorted(found)


def _inside(folder: Path, name: str) -> Path:
    """A file of the folder; CheckpointError where the name or a link leads out of it."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise CheckpointError(f"{path} leads out of {folder}; nothing outside is published.")
    return path


def _sizes(files: Mapping[str, Path | bytes]) -> dict[str, int]:
    return {
        name: len(content) if isinstance(content, bytes) else content.stat().st_size
        for name, content in files.items()
    }
