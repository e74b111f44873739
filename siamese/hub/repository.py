"""The Hugging Face Hub: checkpoints come from it, checkpoints and Spaces go to it.

Only this module and `client` import huggingface_hub, whose cache, token, HF_ENDPOINT and
HF_HUB_OFFLINE apply. It moves files; it does not look into weights (see `checkpoint`), and it
decides nothing about what is published (see `publish`).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub as hf
from huggingface_hub import constants, errors

from siamese import writing
from siamese.checkpoint import (
    CARD,
    CONFIG,
    MAX_CARD_BYTES,
    MAX_CONFIG_BYTES,
    MAX_WEIGHTS_BYTES,
    PICKLES,
    WEIGHTS,
    file_sha256,
)
from siamese.errors import CheckpointError
from siamese.hub.client import PAUSES, patiently, retried
from siamese.hub.reference import HubReference, is_commit

FILES = (CONFIG, WEIGHTS, CARD)  # nothing else is ever fetched from a repo
MAX_BYTES = {CONFIG: MAX_CONFIG_BYTES, WEIGHTS: MAX_WEIGHTS_BYTES, CARD: MAX_CARD_BYTES}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A checkpoint in the cache: its folder, `owner/name@commit`, and a note for the user.

    `note` is a sentence where the answer may not be the newest one, else empty.
    """

    folder: Path
    origin: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a repo holds at a commit: sizes in bytes, and SHA-256 of the large files, by name.

    A size is -1 where the Hub does not say.
    """

    commit: str
    sizes: Mapping[str, int]
    sha256: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that was made: its hash, the page that shows it, and its pull request's page."""

    commit: str
    url: str
    pull_request: str | None = None


@dataclass(frozen=True, slots=True)
class Hub:
    """A Hub and how to reach it; every default is huggingface_hub's own, environment included.

    `seconds` is how long a connection may be silent before it counts as stalled; `pauses` are those
    (s) before another try.
    """

    endpoint: str | None = None
    cache: Path | None = None
    token: str | bool | None = None
    seconds: float | None = None
    pauses: tuple[float, ...] = PAUSES

    @property
    def url(self) -> str:
        """The address of the Hub's pages."""
        return (self.endpoint or constants.ENDPOINT).rstrip("/")

    def fetch(self, reference: HubReference, refresh: bool = False) -> Fetched:
        """Fetch config, weights and card of a checkpoint into the cache, and say where they are.

        What is in the cache answers without a request: a commit because it cannot change, a branch
        or tag as it was, which `note` says; `refresh` asks the Hub for the newest.

        Raises CheckpointError, one sentence with what to do, where it cannot be fetched.
        """
        cached = self._cached(reference)
        if cached is not None and not refresh:
            return cached
        try:
            return self._newest(reference)
        except CheckpointError as error:
            if cached is None:
                raise
            said = (
                f"{str(error).removesuffix('.')}; what is in the cache answers without --refresh."
            )
            raise CheckpointError(said) from error

    def _newest(self, reference: HubReference) -> Fetched:
        with self._patiently(str(reference)):
            listing = self.list_files(reference.repo, reference.revision)
            _check_listing(reference, listing)
            folder = self._download(reference.repo, listing)
            self._remember(reference, listing.commit)
        return Fetched(folder, f"{reference.repo}@{listing.commit}")

    def list_files(self, repo: str, revision: str | None = None, kind: str = "model") -> Listing:
        """The files of a repo (`kind` "model" or "space") at a revision, without fetching any."""
        with self._patiently(repo if revision is None else f"{repo}@{revision}"):
            api = self._api()
            info: Any = api.space_info if kind == "space" else api.model_info
            found = retried(lambda: info(repo, revision=revision, files_metadata=True), self.pauses)
        siblings = found.siblings or []
        return Listing(
            found.sha or "",
            {item.rfilename: -1 if item.size is None else item.size for item in siblings},
            {item.rfilename: item.lfs.sha256 for item in siblings if item.lfs},
        )

    def commit(
        self,
        repo: str,
        files: Mapping[str, Path | bytes],
        message: str,
        *,
        kind: str = "model",
        revision: str | None = None,
        create_pr: bool = False,
        delete: Sequence[str] = (),
    ) -> Commit:
        """Put files into a repo in one commit, by their paths there; large ones go as such.

        Raises CheckpointError, one sentence, where the Hub does not take them.
        """
        operations: list[Any] = [
            hf.CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
            for name, content in files.items()
        ]
        operations += [hf.CommitOperationDelete(path_in_repo=name) for name in delete]
        with self._patiently(repo, seconds=60):  # the Hub checks a commit before it answers
            made = self._api().create_commit(
                repo,
                operations,
                commit_message=message,
                repo_type=kind,
                revision=revision,
                create_pr=create_pr,
            )
        return Commit(made.oid, made.commit_url, made.pr_url)

    def create_repo(self, repo: str, *, kind: str = "model", private: bool = False) -> None:
        """Create a repo unless it is there; an existing one keeps its visibility."""
        with self._patiently(repo, seconds=60):
            self._api().create_repo(
                repo,
                repo_type=kind,
                space_sdk="gradio" if kind == "space" else None,
                private=private or None,
                exist_ok=True,
            )

    def create_branch(self, repo: str, branch: str) -> None:
        """Create a branch of a model repo unless it is there."""
        with self._patiently(repo):
            self._api().create_branch(repo, branch=branch, exist_ok=True)

    def set_variable(self, space: str, name: str, value: str) -> None:
        """Set a public variable of a Space, which its app sees in its environment."""
        with self._patiently(space):
            self._api().add_space_variable(space, name, value)

    def _api(self) -> hf.HfApi:
        return hf.HfApi(endpoint=self.endpoint, token=self.token)

    def _cached(self, reference: HubReference) -> Fetched | None:
        try:
            folder = Path(
                hf.snapshot_download(
                    reference.repo,
                    revision=reference.branch_or_tag,
                    cache_dir=self.cache,
                    allow_patterns=list(FILES),
                    local_files_only=True,
                )
            )
        except errors.LocalEntryNotFoundError:
            return None
        if not all((folder / name).is_file() for name in (CONFIG, WEIGHTS)):
            return None
        note = (
            f"{reference} was taken from the cache, at commit {folder.name[:12]};"
            " --refresh asks the Hub for a newer one."
        )
        if reference.is_commit:
            note = ""
        return Fetched(folder, f"{reference.repo}@{folder.name}", note)

    def _download(self, repo: str, listing: Listing) -> Path:
        """The commit's three files in the cache; a damaged copy there is replaced."""

        def get(force: bool) -> Path:
            return Path(
                hf.snapshot_download(
                    repo,
                    revision=listing.commit,
                    cache_dir=self.cache,
                    allow_patterns=list(FILES),
                    endpoint=self.endpoint,
                    token=self.token,
                    force_download=force,
                )
            )

        folder = retried(lambda: get(force=False), self.pauses)
        if _whole(folder, listing):
            return folder
        folder = get(force=True)
        if not _whole(folder, listing):
            raise CheckpointError(
                f"What the Hub sent for {repo} is not what it lists; try again later."
            )
        return folder

    def _remember(self, reference: HubReference, commit: str) -> None:
        """Note in the cache which commit a branch or tag was, once all of it is there.

        snapshot_download does so before the first byte, and a download that breaks off would then
        hide the older commit that is complete. The layout (refs/NAME holds the commit) is the
        documented one.
        """
        if reference.is_commit:
            return
        cache = Path(self.cache or constants.HF_HUB_CACHE).expanduser()
        folder = cache / f"models--{reference.repo.replace('/', '--')}"
        path = folder / "refs" / reference.branch_or_tag
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.write(path, commit.encode())

    def _patiently(self, name: str, seconds: float | None = None) -> AbstractContextManager[None]:
        return patiently(name, self.url, self.seconds or seconds)


def _check_listing(reference: HubReference, listing: Listing) -> None:
    """Refuse a repo before a byte of it is fetched, for what its list of files says."""
    if not is_commit(listing.commit):
        raise CheckpointError(f"The Hub names no commit for {reference}; check HF_ENDPOINT.")
    for name in listing.sizes:
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise CheckpointError(
                f"{reference} has a file name that leads out of its folder: '{name}'."
            )
    if WEIGHTS not in listing.sizes:
        pickles = [name for name in listing.sizes if name.endswith(PICKLES)]
        if pickles:
            raise CheckpointError(
                f"{reference} has only a pickle ({pickles[0]}), which can run any program and is"
                f" never loaded; ask its owner for {WEIGHTS}, or convert it on your own machine"
                " with `python -m siamese convert`."
            )
        raise CheckpointError(f"{reference} has no {WEIGHTS}, so it is not a siamese checkpoint.")
    if CONFIG not in listing.sizes:
        raise CheckpointError(f"{reference} has no {CONFIG}, so it is not a siamese checkpoint.")
    for name in FILES:
        if listing.sizes.get(name, 0) > MAX_BYTES[name]:
            raise CheckpointError(
                f"{name} of {reference} has {listing.sizes[name]:,} bytes, more than the"
                f" {MAX_BYTES[name]:,} that a siamese checkpoint can have; it was not fetched."
            )
    if reference.sha256 and listing.sha256.get(WEIGHTS, reference.sha256) != reference.sha256:
        raise CheckpointError(
            f"The weights of {reference} have the SHA-256 {listing.sha256[WEIGHTS][:12]}..., not"
            f" the {reference.sha256[:12]}... that was asked for; they were not fetched."
        )


def _whole(folder: Path, listing: Listing) -> bool:
    """Whether each file that was listed lies in the folder as the Hub describes it."""
    for name in FILES:
        size = listing.sizes.get(name)
        if size is None:
            continue
        path = folder / name
        if not path.is_file() or size not in (-1, path.stat().st_size):
            return False
        if name in listing.sha256 and file_sha256(path) != listing.sha256[name]:
            return False
    return True
