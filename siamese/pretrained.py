"""Checkpoints by name: a folder, `owner/name` on the Hub, or the embedded one.

`start` says which one a server answers with: the one that was asked for, or else the embedded
one, which it then says. A page must start even when the Hub does not answer. In Python and on the
command line a named checkpoint that cannot be loaded is an error: see `Verifier.from_pretrained`.
"""

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from siamese.checkpoint import (
    EMBEDDED,
    EMBEDDED_NAME,
    VARIABLE,
    Checkpoint,
    CheckpointConfig,
    load_folder,
    read_card,
    save,
    stored,
)
from siamese.errors import CheckpointError
from siamese.hub.reference import locate
from siamese.network import Siamese

if TYPE_CHECKING:
    from siamese.hub.repository import Commit


def load(
    source: str | Path | None = None, revision: str | None = None, refresh: bool = False
) -> Checkpoint:
    """Load a checkpoint: a folder, `owner/name[@revision][#sha256=...]`, or None: the embedded one.

    A name is a folder where such a folder exists; `revision` (branch, tag or commit) says that it
    is not. A branch or tag that is in the cache answers as it is there unless `refresh` is set.

    Raises CheckpointError, one sentence, where it cannot be loaded or trusted.
    """
    if source is None and revision is None:
        return load_folder(EMBEDDED, EMBEDDED_NAME)
    if source is None:
        raise CheckpointError(f"The revision '{revision}' belongs to no checkpoint; name one too.")
    found = locate(source, revision)
    if isinstance(found, Path):
        return load_folder(found)
    # Imported here: a checkpoint in a folder does without the Hub's client.
    from siamese.hub.repository import Hub

    fetched = Hub().fetch(found, refresh)
    try:
        return load_folder(fetched.folder, fetched.origin, found.sha256, fetched.note)
    except CheckpointError as error:
        # The user named owner/name, not a folder deep in a cache.
        said = str(error).replace(str(fetched.folder), fetched.origin)
        raise CheckpointError(said) from error


class SiameseNetwork(Siamese):
    """The network with methods to load, save and upload it, under the names that people know.

    `came_with` is the config of the checkpoint that the network was loaded from, and a hash of the
    weights it had then; None for a network that was built here.
    """

    came_with: tuple[CheckpointConfig, str] | None = None

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path | None = None,
        *,
        revision: str | None = None,
        refresh: bool = False,
    ) -> "SiameseNetwork":
        """The network of a checkpoint, in evaluation mode; see `Verifier.from_pretrained`.

        It remembers the checkpoint's whole config for `save_pretrained`.
        """
        found = load(source, revision, refresh)
        network = cls(found.config.network)
        network.load_state_dict(found.network.state_dict())
        network.came_with = (found.config, _fingerprint(network))
        return network.eval()

    def save_pretrained(self, folder: str | Path, config: CheckpointConfig | None = None) -> None:
        """Write model.safetensors and config.json into a folder; a model card there stays.

        `config` is by default the one the network came with; its decision rule is kept only where
        the weights still are those it was fitted for.
        """
        save(Path(folder), self, config or self.checkpoint_config())

    def push_to_hub(
        self,
        repo: str,
        *,
        private: bool = False,
        revision: str | None = None,
        create_pr: bool = False,
    ) -> "Commit":
        """Upload weights and config to `owner/name` in one commit; a model card there stays.

        Raises CheckpointError, one sentence, where the Hub does not take them. To publish a
        calibrated checkpoint with its card and metrics, use `python -m siamese publish`.
        """
        from siamese.hub import publish  # not before it is needed: it loads the Hub's client

        config = self.checkpoint_config()
        return publish.push(
            self, config, repo, private=private, revision=revision, create_pr=create_pr
        )

    def checkpoint_config(self) -> CheckpointConfig:
        """The config that the network came with, or a bare one.

        Decision rule and calibration are left out where the weights or what is done with them have
        changed since: a threshold that was fitted for other embeddings would be false.
        """
        if self.came_with is None:
            return CheckpointConfig.bare(self.config)
        config, fingerprint = self.came_with
        if fingerprint == _fingerprint(self) and config.network == self.config:
            return config
        return dataclasses.replace(config, network=self.config, decision=None, calibration={})


def _fingerprint(network: Siamese) -> str:
    """A hash of the weights as `save` would store them."""
    digest = hashlib.sha256()
    for name, value in sorted(stored(network).items()):
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Started:
    """A calibrated checkpoint, and what a visitor has to know about it.

    `problem` is empty, or why the checkpoint that was asked for is not the one that answers; it
    stays for as long as the process runs.
    """

    checkpoint: Checkpoint
    problem: str = ""


def asked_for() -> str | None:
    """The checkpoint that SIAMESE_CHECKPOINT names, None where it names none."""
    return os.environ.get(VARIABLE) or None


def start(checkpoint: str | Path | None = None, refresh: bool = False) -> Started:
    """Load `checkpoint`, else what SIAMESE_CHECKPOINT names, else the embedded one.

    Where the named one cannot be loaded, the embedded one answers and `problem` says so. Raises
    CheckpointError only where the embedded one is damaged too.
    """
    named = checkpoint or asked_for()
    if named is None:
        return Started(_presentable(load()))
    try:
        return Started(_presentable(load(named, refresh=refresh)))
    except CheckpointError as error:
        problem = f"The embedded checkpoint answers, not {named} as it should. {error}"
        return Started(_presentable(load()), problem)


def _presentable(found: Checkpoint) -> Checkpoint:
    """The checkpoint; CheckpointError where it has no decision rule, or a card that is no text."""
    _ = found.rule
    if found.folder is not None:
        read_card(found.folder, found.origin)
    return found
