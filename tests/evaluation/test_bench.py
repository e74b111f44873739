"""The cache of aligned crops: its key covers all of the package that decides what they show."""

import ast
from pathlib import Path

import siamese
from siamese.evaluation.bench import FINDS_FACES, LIBRARIES

PACKAGE = Path(siamese.__file__).parent
SAYS_ONLY = {"errors.py"}  # sentences and types: no pixel depends on them
DEPENDENCIES = {  # of what those modules import
    "PIL": "pillow", "numpy": "numpy", "torch": "torch", "torchvision": "torchvision",
    "pillow_heif": "pillow-heif",
}  # fmt: skip


def imported(module: str) -> set[str]:
    """What a file of the package imports, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def files_of(names: set[str]) -> set[str]:
    """Those of the package's files that these dotted names are."""
    found = set()
    for name in names:
        path = name.removeprefix("siamese.").replace(".", "/")
        found |= {
            file for file in (f"{path}.py", f"{path}/__init__.py") if (PACKAGE / file).is_file()
        }
    return found


def test_the_key_covers_every_module_and_library_that_takes_part() -> None:
    everything = set().union(*map(imported, FINDS_FACES))
    ours = files_of({name for name in everything if name.startswith("siamese.")})
    assert len(ours) > 8 and ours <= {*FINDS_FACES, *SAYS_ONLY}
    used = {DEPENDENCIES[top] for name in everything if (top := name.split(".")[0]) in DEPENDENCIES}
    assert used == set(DEPENDENCIES.values()) and used < set(LIBRARIES)
