"""Names of checkpoints on the Hub: `owner/name@revision#sha256=...` as a value.

Pure text; nothing here opens a file or a connection.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from siamese.errors import CheckpointError

# The Hub's own rule for names: ASCII letters, digits, "-", "_" and ".", 96 at most, no "--" and no
# ".."; a revision is a branch, a tag or a commit, without the characters that git forbids.
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REFERENCE = re.compile(
    rf"(?P<repo>{_NAME}/{_NAME})"
    r"(?:@(?P<revision>[A-Za-z0-9_][A-Za-z0-9_./-]{0,250}))?"
    r"(?:\#sha256=(?P<sha256>[0-9a-fA-F]{64}))?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
FORM = "owner/name, owner/name@revision or owner/name@revision#sha256=<64 hex digits>"


@dataclass(frozen=True, slots=True)
class HubReference:
    """A checkpoint on the Hub: `repo` is owner/name; `revision` None stands for the main branch.

    `sha256`, where given, is the only SHA-256 that the weights may have.
    """

    repo: str
    revision: str | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo

    @property
    def branch_or_tag(self) -> str:
        """The revision's name, the main branch by default."""
        return self.revision or "main"

    @property
    def is_commit(self) -> bool:
        """Whether the revision is a full commit, which can never change."""
        return is_commit(self.branch_or_tag)


def is_commit(text: str) -> bool:
    """Whether a text is a full commit hash: 40 lower-case hex digits."""
    return _COMMIT.fullmatch(text) is not None


def parse(text: str, revision: str | None = None) -> HubReference:
    """Read `owner/name[@revision][#sha256=...]`; `revision` may be given apart instead.

    Raises CheckpointError where the text has another form, or names two different revisions.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None or ".." in text or "--" in found["repo"] or found["repo"].endswith(".git"):
        raise CheckpointError(f"'{text}' is not the name of a checkpoint on the Hub; write {FORM}.")
    reference = HubReference(
        found["repo"], found["revision"], (found["sha256"] or "").lower() or None
    )
    if revision is None:
        return reference
    if reference.revision not in (None, revision):
        raise CheckpointError(f"'{text}' and the revision '{revision}' contradict each other.")
    # Through the same rule, since this one did not come with the text.
    parse(f"{reference.repo}@{revision}")
    return replace(reference, revision=revision)


def locate(source: str | Path, revision: str | None = None) -> Path | HubReference:
    """What a person meant by a checkpoint's name: a folder here, or a reference to the Hub.

    A `Path` and a name that begins with "." or "/" or "~" are always folders, and so is an existing
    folder unless a revision is given with it. Raises CheckpointError where it can be neither.
    """
    text = str(source)
    is_path = isinstance(source, Path) or text.startswith((".", "/", "~", "\\"))
    if is_path and revision is not None:
        raise CheckpointError(f"{text} is a folder, and a folder has no revision '{revision}'.")
    folder = Path(source).expanduser()
    if is_path or (revision is None and folder.is_dir()):
        return folder
    try:
        return parse(text, revision)
    except CheckpointError as error:
        raise CheckpointError(f"There is no folder '{text}' here, and {error}") from error
