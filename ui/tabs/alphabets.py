"""The characters that the page ships to play with: two hands' pictures of each, by alphabet."""

import base64
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples" / "omniglot"


@dataclass(frozen=True, slots=True)
class Character:
    """One character: its name on the page, and the pictures (PNG) of two hands."""

    name: str
    support: bytes
    other_hand: bytes

    @property
    def picture(self) -> str:
        """The support picture as a data URL."""
        return url(self.support)


def read() -> dict[str, tuple[Character, ...]]:
    """The alphabets by name; each has at least two characters."""
    return {
        folder.name: _characters(folder) for folder in sorted(FOLDER.iterdir()) if folder.is_dir()
    }


def url(content: bytes) -> str:
    """A PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def _characters(folder: Path) -> tuple[Character, ...]:
    return tuple(
        Character(f"№ {number}", path.read_bytes(), (folder / "queries" / path.name).read_bytes())
        for number, path in enumerate(sorted((folder / "support").glob("*.png")), 1)
    )
