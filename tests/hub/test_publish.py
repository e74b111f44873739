"""Publishing to the loopback Hub: what goes up, by which route, and what comes back."""

import ast
import dataclasses
import json
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard, constants
from torch.nn import functional as F

from siamese import SiameseNetwork
from siamese import checkpoint as checkpoints
from siamese.__main__ import main
from siamese.checkpoint import CARD, CONFIG, WEIGHTS, CheckpointConfig, load_folder
from siamese.errors import CheckpointError, InputError
from siamese.hub import card as model_card
from siamese.hub.convert import convert
from siamese.hub.publish import METRICS, VARIABLE, publish, publish_space, push, space_files
from siamese.hub.reference import parse
from siamese.hub.repository import Hub
from siamese.network import NetworkConfig
from tests import small_checkpoints as small
from tests.hub_server import Fault, HubServer

ROOT = Path(__file__).parents[2]
REPO = "owner/toy"


@pytest.fixture(scope="module")
def running() -> Iterator[HubServer]:
    with HubServer().running() as server:
        yield server


@pytest.fixture
def server(running: HubServer, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    running.repos.clear()
    running.large.clear()
    running.reset()
    return running


@pytest.fixture
def hub(server: HubServer, tmp_path: Path) -> Hub:
    return Hub(endpoint=server.url, cache=tmp_path / "cache", token="hf_owner", seconds=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A calibrated checkpoint with card, plot and metrics, and with things that stay at home."""
    made = tmp_path / "made"
    card = (
        "---\nlicense: mit\nmood: good\n---\n# Toy\n\n![plot](roc.png) ![](https://x.org/y.png)\n"
    )
    sha256 = small.write(made, card=card)
    (made / METRICS).write_text(json.dumps({"schema_version": 1, "weights_sha256": sha256}))
    (made / "roc.png").write_bytes(b"picture")
    (made / "log.csv").write_text("epoch,loss\n")
    (made / "state.pt").write_bytes(b"optimiser")
    return made


def tree(server: HubServer, name: str = REPO, ref: str = "main", kind: str = "model") -> dict:
    repo = server.repo(name, kind)
    return repo.commits[repo.refs[ref]]


# A checkpoint


def test_round_trip_of_a_trained_network(server: HubServer, hub: Hub, tmp_path: Path) -> None:
    """Train, publish, load at the commit: the same logits bit for bit; then publish another one."""
    network = small.network().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    pictures = torch.rand(8, 3, 32, 32)
    for _ in range(2):
        logits = network(pictures, pictures.flip(0))
        F.binary_cross_entropy_with_logits(logits, torch.zeros(8)).backward()
        optimizer.step()
        network.constrain()
    checkpoints.save(tmp_path / "a", network, CheckpointConfig(small.TINY, decision=small.RULE))
    small.write(tmp_path / "b", seed=5)
    here = load_folder(tmp_path / "a")

    first = publish(tmp_path / "a", REPO, hub=hub).commit
    second = publish(tmp_path / "b", REPO, hub=hub).commit
    assert first is not None
    assert second is not None
    there = {
        commit: load_folder(hub.fetch(parse(f"{REPO}@{commit}")).folder)
        for commit in (first.commit, second.commit)
    }
    assert torch.equal(small.logits(there[first.commit].network), small.logits(here.network))
    assert there[first.commit].config == here.config
    assert there[second.commit].sha256 == load_folder(tmp_path / "b").sha256 != here.sha256


def test_weights_travel_by_the_large_file_route(server: HubServer, hub: Hub, folder: Path) -> None:
    publish(folder, REPO, hub=hub)
    routes = server.routes_called()
    order = ["create", "validate", "preupload", "batch", "upload", "verify", "commit"]
    assert [route for route in routes if route in order] == order
    weights = (folder / WEIGHTS).read_bytes()
    uploads = [call for call in server.calls if call.route == "upload"]
    assert [call.body for call in uploads] == [weights]
    assert uploads[0].token is None  # the store is another host
    commit = next(call for call in server.calls if call.route == "commit")
    kinds = {}
    for line in commit.body.splitlines():
        item = json.loads(line)
        kinds[item["value"].get("path", "")] = item["key"]
    assert kinds[WEIGHTS] == "lfsFile"
    assert kinds[CONFIG] == kinds[CARD] == kinds[METRICS] == "file"
    assert len(commit.body) < len(weights) / 10


def test_one_commit_with_exactly_these_files(server: HubServer, hub: Hub, folder: Path) -> None:
    done = publish(folder, REPO, hub=hub)
    found = tree(server)
    expected = {WEIGHTS, CONFIG, CARD, METRICS, "roc.png"}
    assert set(found) - {".gitattributes"} == expected == set(done.sizes)
    assert server.repo(REPO).messages[1:] == [f"Publish weights {load_folder(folder).sha256[:12]}"]
    assert done.url == f"{server.url}/{REPO}"
    assert found[CONFIG].content == (folder / CONFIG).read_bytes()


def test_published_again_unchanged_makes_no_commit(
    server: HubServer, hub: Hub, folder: Path
) -> None:
    first, second = publish(folder, REPO, hub=hub), publish(folder, REPO, hub=hub)
    assert first.commit is not None
    assert second.commit is not None
    assert first.commit.commit == second.commit.commit


def test_card_shows_licence_and_measured_figures(server: HubServer, hub: Hub, folder: Path) -> None:
    """The Hub's own card reader finds the figures; what a person wrote stays."""
    publish(folder, REPO, hub=hub)
    text = tree(server)[CARD].content.decode()
    card = ModelCard(text).data
    assert (card.license, card.to_dict()["mood"]) == ("mit", "good")
    assert card.library_name == "siamese"
    assert card.pipeline_tag == "image-feature-extraction"
    assert card.datasets is None  # the Hub would take names of files for repos of its own
    results = {result.metric_name: result for result in card.eval_results}
    fmr = results["FMR at balanced (3 of 100)"]
    assert (fmr.metric_type, fmr.metric_value, fmr.dataset_name) == ("fmr", 0.03, "Toy faces")
    assert len(results) == 4
    assert text.endswith("# Toy\n\n![plot](roc.png) ![](https://x.org/y.png)\n")
    assert (folder / CARD).read_text() != text  # the folder itself is left alone


def test_only_what_looks_for_faces_is_described_as_verifying_faces(folder: Path) -> None:
    whole = load_folder(folder).config
    for detector, tag, task in (
        ("none", "image-verification", "Image verification"),
        ("mtcnn", "face-verification", "Face verification"),
    ):
        config = dataclasses.replace(whole, detector=detector)
        card = ModelCard(model_card.minimal(config, REPO)).data
        assert [name for name in card.tags if "verification" in name] == [tag]
        assert {result.task_name for result in card.eval_results} == {task}


def test_complete_card_is_left_as_it_is(folder: Path) -> None:
    config = load_folder(folder).config
    complete = model_card.complete("# Toy\n", config, REPO)
    assert model_card.complete(complete, config, "other/name") == complete


def test_checkpoint_without_a_card_gets_a_small_one(
    server: HubServer, hub: Hub, folder: Path
) -> None:
    (folder / CARD).unlink()
    publish(folder, REPO, hub=hub)
    text = tree(server)[CARD].content.decode()
    assert ModelCard(text).data.eval_results
    assert f'from_pretrained("{REPO}")' in text


@pytest.mark.parametrize("front", ["{", "[1]", "a: b: c"])
def test_broken_front_matter(front: str, hub: Hub, server: HubServer, folder: Path) -> None:
    (folder / CARD).write_text(f"---\n{front}\n---\n# Toy\n")
    with pytest.raises(InputError, match="front matter"):
        publish(folder, REPO, hub=hub)
    assert server.calls == []


def test_dry_run_checks_everything_and_sends_nothing(
    server: HubServer, hub: Hub, folder: Path
) -> None:
    done = publish(folder, REPO, dry_run=True, hub=hub)
    assert done.commit is None
    assert set(done.sizes) == {WEIGHTS, CONFIG, CARD, METRICS, "roc.png"}
    assert server.calls == []
    (folder / CONFIG).write_text("{}")
    with pytest.raises(CheckpointError):
        publish(folder, REPO, dry_run=True, hub=hub)


def test_private_branch_and_pull_request(server: HubServer, hub: Hub, folder: Path) -> None:
    publish(folder, REPO, private=True, revision="trial", hub=hub)
    assert server.repo(REPO).private
    assert WEIGHTS in tree(server, ref="trial")
    assert WEIGHTS not in tree(server, ref="main")
    assert hub.fetch(parse(f"{REPO}@trial")).origin == f"{REPO}@{server.repo(REPO).refs['trial']}"

    server.add_repo("owner/open", {CARD: b"# Theirs\n"})
    reader = Hub(server.url, hub.cache, "hf_reader", seconds=2)
    proposed = publish(folder, "owner/open", create_pr=True, hub=reader).commit
    assert proposed is not None
    assert proposed.pull_request == f"{server.url}/owner/open/discussions/1"
    assert WEIGHTS in tree(server, "owner/open", "refs/pr/1")
    assert WEIGHTS not in tree(server, "owner/open")
    with pytest.raises(InputError, match="pull request"):
        publish(folder, REPO, create_pr=True, revision="trial", hub=hub)


def test_the_command_line_passes_its_options_on(
    server: HubServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    assert main(["publish", str(folder), REPO, "--private", "--revision", "trial"]) == 0
    assert server.repo(REPO).private
    assert WEIGHTS in tree(server, ref="trial")
    assert f"{REPO}@{server.repo(REPO).refs['trial']}" in capsys.readouterr().out

    server.add_repo("other/open", {CARD: b"# Theirs\n"})
    assert main(["publish", str(folder), "other/open", "--create-pr"]) == 0
    assert WEIGHTS in tree(server, "other/open", "refs/pr/1")
    assert f"{server.url}/other/open/discussions/1" in capsys.readouterr().out

    server.reset()
    assert main(["publish-space", "owner/space", "--private", "--dry-run"]) == 0
    assert "nothing was sent" in capsys.readouterr().out
    assert server.calls == []


def refused(folder: Path, hub: Hub, server: HubServer) -> str:
    with pytest.raises(CheckpointError) as caught:
        publish(folder, REPO, hub=hub)
    assert server.calls == []
    return str(caught.value)


def test_a_folder_that_does_not_load_is_not_published(
    server: HubServer, hub: Hub, folder: Path
) -> None:
    blob = bytearray((folder / WEIGHTS).read_bytes())
    blob[-1] ^= 1
    (folder / WEIGHTS).write_bytes(blob)
    assert "not those that its config.json names" in refused(folder, hub, server)


def test_uncalibrated_checkpoint(server: HubServer, hub: Hub, tmp_path: Path) -> None:
    small.write(tmp_path / "bare", calibrated=False)
    assert "has not been calibrated" in refused(tmp_path / "bare", hub, server)


@pytest.mark.parametrize("content", ['{"weights_sha256": "00"}', "{}", "[]", "{"])
def test_metrics_of_other_weights(content: str, server: HubServer, hub: Hub, folder: Path) -> None:
    (folder / METRICS).write_text(content)
    assert "evaluate again" in refused(folder, hub, server)


def test_links_out_of_the_folder(server: HubServer, hub: Hub, folder: Path, tmp_path: Path) -> None:
    """A picture of the card must not carry away a file of its author."""
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "roc.png").unlink()
    (folder / "roc.png").symlink_to(tmp_path / "secret.txt")
    assert "leads out of" in refused(folder, hub, server)
    (folder / CARD).write_text("![x](../secret.txt)\n")
    assert "leads out of" in refused(folder, hub, server)


@pytest.mark.parametrize("repo", ["toy", "owner/toy@main", "a/b/c", "owner/toy#sha256=" + "0" * 64])
def test_names_that_are_not_repos(repo: str, hub: Hub, server: HubServer, folder: Path) -> None:
    with pytest.raises((InputError, CheckpointError)):
        publish(folder, repo, hub=hub)
    assert server.calls == []


@pytest.mark.parametrize(
    ("token", "words"),
    [(False, "does not know who you are"), ("hf_reader", "does not allow"), ("hf_x", "your token")],
)
def test_publishing_without_permission(
    token: str | bool, words: str, server: HubServer, hub: Hub, folder: Path
) -> None:
    with pytest.raises(CheckpointError, match=words):
        publish(folder, REPO, hub=Hub(server.url, hub.cache, token, seconds=2))


@pytest.mark.parametrize(
    ("route", "how", "words"),
    [
        ("create", "status", "in trouble"),
        ("batch", "status", "in trouble"),
        ("upload", "status", "in trouble"),
        ("commit", "status", "in trouble"),
        ("commit", "stall", "did not answer"),
        ("upload", "stall", "did not answer"),
    ],
)
def test_trouble_while_publishing(
    route: str, how: str, words: str, server: HubServer, hub: Hub, folder: Path
) -> None:
    impatient = Hub(server.url, hub.cache, "hf_owner", seconds=0.3, pauses=(0.02, 0.02))
    server.faults.append(Fault(route, how, 503))
    with pytest.raises(CheckpointError, match=words):
        publish(folder, REPO, hub=impatient)
    server.reset()
    assert publish(folder, REPO, hub=hub).commit is not None
    assert hub.fetch(parse(REPO)).folder.is_dir()


# A network by itself


def test_push_leaves_the_card(server: HubServer, hub: Hub, folder: Path) -> None:
    """The usual mixin uploads a placeholder over the card; this one does not touch it."""
    publish(folder, REPO, hub=hub)
    card = tree(server)[CARD].content
    network = SiameseNetwork.from_pretrained(folder)
    with torch.no_grad():
        network.head.bias.add_(1.0)
    push(network, network.checkpoint_config(), REPO, hub=hub)
    assert tree(server)[CARD].content == card
    loaded = load_folder(hub.fetch(parse(REPO)).folder)
    assert loaded.config.decision is None
    assert torch.equal(loaded.network.head.bias, network.head.bias.half().float())


def test_push_of_a_bare_network_makes_a_card_that_says_so(server: HubServer, hub: Hub) -> None:
    network = small.network(config=dataclasses.replace(small.TINY, mirrored=True))
    push(network, CheckpointConfig.bare(network.config), REPO, hub=hub)
    text = tree(server)[CARD].content.decode()
    assert "not calibrated" in text and "its mirror image's" in text
    assert model_card.split(text)[0]["library_name"] == "siamese"
    assert set(tree(server)) == {".gitattributes", WEIGHTS, CONFIG, CARD}


def test_push_to_hub_by_its_known_name(
    server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    made = small.network().push_to_hub(REPO, private=True)
    assert server.repo(REPO).refs["main"] == made.commit
    assert server.repo(REPO).private


# The Space


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A stand-in for the app's folder, with all that must not go up."""
    root = tmp_path / "app"
    for name in (
        "app.py", "requirements.txt", "LICENSE", "siamese/__init__.py", "siamese/network.py",
        "siamese/__pycache__/network.cpython-311.pyc", "siamese/training/loop.py", "ui/style.css",
        "siamese/evaluation/card.py", "siamese/hub/card.md.jinja", "ui/page.js", "ui/parts.pyi",
        "tests/test_x.py",
        ".git/config", "runs/a/model.safetensors", "benchmarks/x.py", ".env", "shared/f/photo.jpg",
        "docs/screen.png", "docs/other.png", "examples/screenshots.py", "benchmarks/speed.png",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    links = "![s](docs/screen.png) [l](LICENSE#top) [fast](benchmarks/results.md) [gone](gone.md)"
    (root / "README.md").write_text(f"---\nsdk: gradio\n---\n# App\n{links} [w](https://x.org/y)\n")
    (root / "benchmarks/results.md").write_text("![how fast](speed.png) [back](../README.md)")
    small.write(root / "weights", card="# Embedded\n")
    return root


SPACE = {
    "app.py", "requirements.txt", "LICENSE", "README.md", "docs/screen.png", "siamese/__init__.py",
    "siamese/network.py", "siamese/hub/card.md.jinja", "ui/style.css", "ui/page.js",
    "weights/README.md", "weights/config.json", "weights/model.safetensors",
    "benchmarks/results.md", "benchmarks/speed.png",
}  # fmt: skip


def test_space_gets_exactly_what_it_needs(server: HubServer, hub: Hub, app: Path) -> None:
    assert set(space_files(app)) == SPACE
    done = publish_space("owner/space", root=app, hub=hub)
    assert done.url == f"{server.url}/spaces/owner/space"
    assert set(tree(server, "owner/space", kind="space")) - {".gitattributes"} == SPACE
    space = server.repo("owner/space", "space")
    assert (space.sdk, space.variables, space.private) == ("gradio", {}, False)
    assert len(space.messages) == 2


def test_space_is_told_its_checkpoint_before_its_first_start(
    server: HubServer, hub: Hub, app: Path, folder: Path
) -> None:
    commit = publish(folder, REPO, hub=hub).commit
    assert commit is not None
    name = f"{REPO}@{commit.commit}"
    server.reset()
    publish_space("owner/space", checkpoint=name, root=app, hub=hub)
    assert server.repo("owner/space", "space").variables == {VARIABLE: name}
    routes = server.routes_called()
    assert routes.index("variables") < routes.index("commit")


def test_space_is_updated_without_leftovers(server: HubServer, hub: Hub, app: Path) -> None:
    publish_space("owner/space", root=app, hub=hub)
    space = server.repo("owner/space", "space")
    mine = server.add_repo("owner/x", {"siamese/old.py": b"", "notes.md": b"mine"})
    space.commit(
        "main",
        tree(server, "owner/space", kind="space") | server.repo("owner/x").commits[mine],
        "x",
    )
    (app / "app.py").write_text("new")
    publish_space("owner/space", root=app, hub=hub)
    found = tree(server, "owner/space", kind="space")
    assert set(found) - {".gitattributes"} == SPACE | {"notes.md"}
    assert found["app.py"].content == b"new"


def test_space_with_an_unavailable_checkpoint(
    server: HubServer, hub: Hub, app: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="There is no owner/nothing"):
        publish_space("owner/space", checkpoint="owner/nothing", root=app, hub=hub)
    small.write(tmp_path / "bare", calibrated=False)
    server.add_repo("owner/bare", small.files(tmp_path / "bare"))
    with pytest.raises(CheckpointError, match="not been calibrated"):
        publish_space("owner/space", checkpoint="owner/bare", root=app, hub=hub)
    assert ("space", "owner/space") not in server.repos


def test_dry_run_of_a_space(server: HubServer, hub: Hub, app: Path) -> None:
    assert set(publish_space("owner/space", dry_run=True, root=app, hub=hub).sizes) == SPACE
    assert server.calls == []


def test_space_without_a_part_of_the_app(hub: Hub, app: Path) -> None:
    (app / "app.py").unlink()
    with pytest.raises(InputError, match=r"app\.py is missing"):
        publish_space("owner/space", root=app, hub=hub)


def test_every_module_that_the_app_imports_goes_up() -> None:
    """The real app: whatever it and its parts import of ours is in the list."""
    try:
        files = space_files(ROOT)
    except (InputError, CheckpointError) as error:
        pytest.fail(f"this repository does not hold a whole app: {error}")
    modules = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in files
        if name.endswith(".py")
    }
    for name, path in files.items():
        if name.endswith(".py"):
            assert isinstance(path, Path)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                ours = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0]
                if ours in ("siamese", "ui"):
                    assert node.module in modules, f"{name} needs {node.module}"
    assert not [name for name in files if name.startswith(("tests/", "siamese/training"))]


def test_every_link_of_the_readme_works_on_the_space() -> None:
    files, readme = space_files(ROOT), (ROOT / "README.md").read_text(encoding="utf-8")
    links = model_card.links(readme)
    assert len(links) > 8 and not set(links) - set(files)


# Conversion


def test_convert_makes_a_checkpoint_of_a_pickle(folder: Path, tmp_path: Path) -> None:
    """The very same weights keep their calibration; others lose it."""
    source, here = tmp_path / "pickled", load_folder(folder)
    source.mkdir()
    (source / CONFIG).write_bytes((folder / CONFIG).read_bytes())
    torch.save(here.network.state_dict(), source / "pytorch_model.bin")
    convert(source, tmp_path / "same")
    assert load_folder(tmp_path / "same").config == here.config
    assert load_folder(tmp_path / "same").sha256 == here.sha256
    torch.save({"state_dict": small.network(7).state_dict()}, source / "pytorch_model.bin")
    convert(source, tmp_path / "other")
    other = load_folder(tmp_path / "other").config
    assert (other.decision, other.detector) == (None, here.config.detector)


def test_convert_with_a_described_network(tmp_path: Path) -> None:
    torch.save(small.network().state_dict(), tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match=r"no config\.json beside it"):
        convert(tmp_path / "net.pt", tmp_path / "out")
    convert(tmp_path / "net.pt", tmp_path / "out", small.TINY)
    assert load_folder(tmp_path / "out").config.network == small.TINY
    with pytest.raises(CheckpointError, match="does not fit"):
        convert(tmp_path / "net.pt", tmp_path / "out2", NetworkConfig("compact", 32, 3, 8))
    assert not (tmp_path / "out2").exists()


def test_convert_does_not_run_what_a_pickle_says(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "attacked",))

    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Attack()))
    torch.save({"x": Attack()}, tmp_path / "zipped.pt")
    assert zipfile.is_zipfile(tmp_path / "zipped.pt")
    for name in ("plain.pkl", "zipped.pt"):
        with pytest.raises(CheckpointError, match="was not opened"):
            convert(tmp_path / name, tmp_path / "out", small.TINY)
    assert not (tmp_path / "attacked").exists()


def test_front_matter_is_read_by_the_hubs_rules() -> None:
    """The loopback Hub refuses what the real one refuses, or these tests would prove little."""
    from tests.hub_server import front_matter_problems

    bad = {"model-index": [{"name": "x", "results": [{"task": {}, "dataset": {"name": "y"}}]}]}
    assert len(front_matter_problems(f"---\n{yaml.safe_dump(bad)}---\n")) == 2
    assert front_matter_problems("---\na: b: c\n---\n")
