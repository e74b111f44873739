"""Imports go one way, for every file, and importing the package does nothing.

An import counts wherever it stands: inside a function and under TYPE_CHECKING too.
"""

import ast
import builtins
import subprocess
import sys
from functools import cache
from pathlib import Path

import gradio
import pytest

ROOT = Path(__file__).parent.parent

# What each wing stands on; it may also import what these stand on, and its own files.
STANDS_ON = {
    "errors": (), "backbones": (), "explain": (), "numbers": (), "values": (),
    "writing": (), "assignment": (),
    "photos": ("errors",), "calibration": ("errors", "values"),
    "network": ("errors", "backbones", "values"),
    "faces": ("photos", "values"), "checkpoint": ("calibration", "network", "writing"),
    "hub": ("checkpoint",), "pretrained": ("hub",),
    "answers": ("calibration", "explain", "faces"), "identities": (),
    "support": ("photos", "identities", "writing"),
    "enrolment": ("answers", "network", "support"),
    "verifier": ("assignment", "enrolment", "pretrained"), "siamese": ("verifier",),
    "data": ("checkpoint", "faces", "identities"),
    "evaluation": ("data", "explain", "grouping", "hub"),
    "training": ("evaluation",), "export": ("checkpoint", "faces"), "grouping": ("verifier",),
    "commands": ("siamese", "numbers", "training", "export", "grouping"),
    "ui.languages": (), "ui.words": ("siamese", "ui.languages"),
    "ui.sentences": ("evaluation", "ui.words"),
    "ui.draw": ("siamese",), "ui.photo": ("ui.words",),
    "ui.visit": ("ui.draw", "ui.photo"),
    "ui.server": ("ui.photo",), "ui.api": ("ui.server",),
    "ui.html": ("numbers", "ui.server", "ui.visit"),
    "ui.tabs": ("ui.api", "ui.html"), "app": ("ui.tabs",),
}  # fmt: skip

# The only files that know the Hub's client.
KNOW_THE_HUB = {"siamese.hub.client", "siamese.hub.repository"}

# What is used of Gradio beyond its documented names, and the version that each was checked with:
# an upgrade begins here.
CHECKED_WITH = "6.31.0"
INSIDE_GRADIO: dict[str, set[str]] = {
    "ui.api.errors": {"gradio.state_holder"},
    "ui.api.mcp": {
        "_execute_tool_without_progress",
        "_prepare_tool_call_args",
        "gradio.mcp",
        "gradio_client.exceptions",
    },
    "ui.api.routes": {"_api_info", "gradio.components.api_component", "gradio.events"},
    "ui.server.economy": {"_queue", "gradio.routes", "gradio.state_holder"},
    "ui.server.forgetting": {
        "_queue",
        "gradio.context",
        "gradio.queueing",
        "gradio.routes",
    },
    "ui.server.stubs": {"gradio.component_meta"},
    "ui.server.fields": {"_data", "gradio.data_classes"},
    "ui.server.guard": {"_queue", "gradio.queueing"},
}


def source_files() -> dict[str, Path]:
    """Every file of the product, by its dotted name."""
    paths = [ROOT / "app.py", *(ROOT / "siamese").rglob("*.py"), *(ROOT / "ui").rglob("*.py")]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


FILES = source_files()


@cache
def imports(name: str) -> frozenset[str]:
    """All modules that a file names in its imports, wherever they stand."""
    found = set()
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                full if (full := f"{node.module}.{alias.name}") in FILES else node.module
                for alias in node.names
            }
    return frozenset(found)


def ours(name: str) -> set[str]:
    """The files of the product that a file imports."""
    return {other for other in imports(name) if other in FILES}


def wing(name: str) -> str:
    """The wing that a file belongs to."""
    package, _, rest = name.partition(".")
    first = rest.partition(".")[0]
    if package == "ui" and first:
        return f"ui.{first}"
    return {"__main__": "commands", "": package}.get(first, first)


def below(name: str) -> set[str]:
    """The wings that a wing may import, itself among them."""
    return {name}.union(*(below(other) for other in STANDS_ON[name]))


def test_every_wing_is_in_the_rule() -> None:
    assert {wing(name) for name in FILES} - {"ui"} == set(STANDS_ON)
    assert len(FILES) > 100


@pytest.mark.parametrize("name", sorted(FILES))
def test_imports_go_one_way(name: str) -> None:
    if name == "ui":
        assert not ours(name)
        return
    allowed = below(wing(name))
    assert not {other for other in ours(name) if wing(other) not in allowed}


def test_no_two_files_import_each_other() -> None:
    """Nor do three or more in a circle."""
    left = {name: ours(name) - {name} for name in FILES}
    while free := [name for name, others in left.items() if not others & set(left)]:
        for name in free:
            del left[name]
    assert not left


def test_no_two_classes_share_a_name() -> None:
    names = [
        node.name
        for path in FILES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert len(names) > 100
    assert not {name for name in names if names.count(name) > 1}


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_shadows_a_builtin(name: str) -> None:
    """Classes, functions, their parameters, variables and imports; not a class's own fields."""
    # What `site` adds for people who type is no part of the language.
    own = {*dir(builtins)} - {"license", "copyright", "credits", "exit", "quit"}
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    fields = {
        id(line.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                assert node.name not in own
            case ast.arg():
                assert node.arg not in own
            case ast.alias():
                assert (node.asname or node.name) not in own
            case ast.Name(ctx=ast.Store()) if id(node) not in fields:
                assert node.id not in own or node.id.startswith("__"), node.id


def test_exceptions_name_files_that_exist() -> None:
    assert {*KNOW_THE_HUB, *INSIDE_GRADIO} <= set(FILES)


def test_the_package_knows_nothing_of_gradio() -> None:
    for name in FILES:
        if name.startswith("siamese"):
            assert not {other for other in imports(name) if other.startswith("gradio")}, name


def test_the_page_computes_nothing() -> None:
    for name in FILES:
        if not name.startswith("siamese"):
            assert not {other for other in imports(name) if other.startswith("torch")}, name


def test_only_these_files_know_the_client_of_the_hub() -> None:
    know = {name for name in FILES if any(m.startswith("huggingface_hub") for m in imports(name))}
    assert know == KNOW_THE_HUB


def test_gradio_is_the_version_whose_inside_was_read() -> None:
    assert gradio.__version__ == CHECKED_WITH
    assert f"gradio[mcp]=={CHECKED_WITH}\n" in (ROOT / "requirements.txt").read_text(
        encoding="utf-8"
    )


def test_only_what_stands_around_gradio_looks_inside() -> None:
    assert all(name.startswith(("ui.server.", "ui.api.")) for name in INSIDE_GRADIO)


def inside_gradio(name: str) -> set[str]:
    """Modules of Gradio other than its own front, and others' private attributes, in a file."""
    found = {other for other in imports(name) if other.startswith(("gradio.", "gradio_client."))}
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "gradio":
            found |= {f"gradio.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            of_its_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not of_its_own and not node.attr.startswith("__"):
                found.add(node.attr)
    return found


@pytest.mark.parametrize("name", sorted(name for name in FILES if not name.startswith("siamese")))
def test_what_is_used_of_gradio_inside_is_listed(name: str) -> None:
    assert inside_gradio(name) == INSIDE_GRADIO.get(name, set())


def test_importing_the_package_opens_nothing() -> None:
    """In a fresh process: only code is opened, no socket, no logging set up, no Hub client."""
    program = """
import sys
opened = []
def audit(event, arguments):
    if event == "socket.connect" or event == "socket.getaddrinfo":
        opened.append(arguments)
    if event == "open" and str(arguments[0]).endswith((".pt", ".safetensors", ".json")):
        opened.append(arguments)
import torch
sys.addaudithook(audit)
import siamese, logging
assert not opened, opened
assert not logging.getLogger().handlers
assert "gradio" not in sys.modules and "huggingface_hub" not in sys.modules
"""
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr


def test_the_public_names_are_exactly_these() -> None:
    import siamese

    public = {name for name in dir(siamese) if not name.startswith("_")}
    assert public == set(siamese.__all__)
    assert all(getattr(siamese, name).__name__ == name for name in public)
