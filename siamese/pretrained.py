"""`from_pretrained`, `save_pretrained`, `push_to_hub`: the names that people know, for a network.

What they do lives in `checkpoint` and `publish`. Those know the network, so they are imported when
a method is called, and the network's own file stays free of files and of the Hub.
"""

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from siamese.checkpoint import CheckpointConfig
    from siamese.hub import Commit
    from siamese.network import SiameseNetwork


class Pretrained:
    """Gives `SiameseNetwork` its way to the disk and to the Hub.

    `came_with` is the config of the checkpoint that the network was loaded from, and a hash of the
    weights it had then; None for a network that was built here.
    """

    came_with: "tuple[CheckpointConfig, str] | None" = None

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
        from siamese import checkpoint

        return checkpoint.remember(checkpoint.load(source, revision, refresh))

    def save_pretrained(self, folder: str | Path, config: "CheckpointConfig | None" = None) -> None:
        """Write model.safetensors and config.json into a folder; a model card there stays.

        `config` is by default the one the network came with; its decision rule is kept only where
        the weights still are those it was fitted for.
        """
        from siamese import checkpoint

        network = cast("SiameseNetwork", self)
        checkpoint.save(Path(folder), network, config or checkpoint.config_of(network))

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
        from siamese import publish

        network = cast("SiameseNetwork", self)
        return publish.push(network, repo, private=private, revision=revision, create_pr=create_pr)
