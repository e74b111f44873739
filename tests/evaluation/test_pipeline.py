"""The cache of aligned crops: its key covers all of the package that decides what they show."""

import ast
from pathlib import Path

import siamese
from siamese.evaluation.pipeline import FINDS_FACES, LIBRARIES

PACKAGE = Path(siamese.__file__).parent
SAYS_ONLY = {"errors.py", "schema.py"}  # sentences and types: no pixel depends on them
DEPENDENCIES = {  # of what those modules import
    "PIL": "pillow", "numpy": "numpy", "torch": "torch", "torchvision": "torchvision",
    "pillow_heif": "pillow-heif",
}  # fmt: skip


def imported(module: str) -> set[str]:
    """What a module of the package imports, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "siamese":
            names |= {f"siamese.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return names


def test_the_key_covers_every_module_and_library_that_takes_part() -> None:
    everything = set().union(*map(imported, FINDS_FACES))
    ours = {f"{name.split('.')[1]}.py" for name in everything if name.startswith("siamese.")}
    assert len(ours) > 5 and ours <= {*FINDS_FACES, *SAYS_ONLY}
    used = {DEPENDENCIES[top] for name in everything if (top := name.split(".")[0]) in DEPENDENCIES}
    assert used == set(DEPENDENCIES.values()) and used < set(LIBRARIES)
