"""Whatever ends a command that writes a checkpoint, the old one or the new one loads.

At everything that it does to the files of the folder, the process parts in three: one is killed,
one finds the disk full from there on, and one goes on. Where it begins to write the checkpoint, it
also meets a disk that fills up in the middle of a file. A long test kills at random moments.
"""

import errno
import os
import random
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
from tqdm import tqdm

from siamese import __main__ as cli
from siamese import checkpoint as checkpoints
from siamese.calibration import DecisionRule
from siamese.checkpoint import CONFIG, WEIGHTS
from siamese.commands import exit_codes
from siamese.evaluation import evaluate  # noqa: F401  loaded before processes part
from siamese.training import average, calibrate, train  # noqa: F401
from siamese.writing import DRAFT
from tests.evaluation import world as faces

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="parts processes, and limits them")
PROCESSES = get_context("fork")
COMMANDS = ("train", "calibrate", "average", "evaluate")
KILLS = 30  # random moments, of each command
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
Content = tuple[str, DecisionRule | None]
Fate = Callable[[str], None]  # given the path that is about to be changed


@dataclass(frozen=True)
class Case:
    """A command that writes a folder in which there is an older checkpoint."""

    words: list[str]
    before: Path  # the folder as it is before
    folder: Path

    def prepare(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.before, self.folder)

    def run(self, before: Callable[[], None] = lambda: None, seconds: float | None = None) -> int:
        """The exit code of the command in a process of its own; killed after `seconds`."""

        def command() -> None:
            tqdm.set_lock(threading.RLock())  # the usual one is shared, and dies with its holder
            before()
            os._exit(cli.main(self.words))

        process = PROCESSES.Process(target=command)
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
        assert process.exitcode is not None
        return process.exitcode


def content(folder: Path) -> Content:
    """What answers depend on; it has to load."""
    found = checkpoints.load_folder(folder)
    return found.sha256, found.config.decision


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, an untrained checkpoint and a calibrated one; whatever is decoded is in the cache."""
    root = tmp_path_factory.mktemp("never-lost")
    faces.make(root / "data")
    faces.raw_checkpoint(root / "raw")
    for name, parent in (("one", "raw"), ("two", "one"), ("three", "one")):
        words = [*training(root, parent), str(root / name), "--seed", str(len(name))]
        assert cli.main(words) == 0
    folders = [str(root / "raw"), str(root / "calibrated")]
    assert cli.main(["calibrate", *folders, *data(root)]) == 0
    return root


def training(root: Path, parent: str) -> list[str]:
    sizes = ["--pictures", "32", "--batch-size", "16", "--group", "2", "--device", "cpu"]
    return ["train", *sizes, "--init", str(root / parent), *data(root), "--out"]


def data(root: Path) -> list[str]:
    return ["--cache", str(root / "cache"), "--data", str(root / "data" / "train_fiw.zip")]


@pytest.fixture(scope="module", params=COMMANDS)
def case(request: pytest.FixtureRequest, place: Path) -> Case:
    folder, raw = place / f"out-{request.param}", str(place / "raw")
    measuring = ["evaluate", str(folder), "--data", str(place / "data"), "--write-card"]
    words = {
        "train": [*training(place, "raw"), str(folder), "--seed", "7"],
        "calibrate": ["calibrate", raw, str(folder), *data(place)],
        "average": ["average", str(folder), str(place / "two"), str(place / "three")],
        "evaluate": [*measuring, "--protocol", "lfw", "--cache", str(place / "cache")],
    }[request.param]
    return Case(words, place / ("calibrated" if request.param == "evaluate" else "raw"), folder)


@dataclass
class Fates:
    """Tries what may happen at each change of the files of a folder, and goes on as if it had not.

    Each try leaves the folder as NUMBER-FATE in `tried`, and there what was said, and the exit
    code.
    """

    folder: Path
    tried: Path
    sizes: tuple[int, ...]  # of a file, in bytes, at which a disk is full
    doom: Fate | None = None  # in a try: what happens at each change that comes
    busy: bool = False  # none of what a test changes itself counts
    count: int = 0

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """To be called at everything that Python does."""
        writes = event == "open" and isinstance(flags := arguments[2], int) and flags & 3
        named = any(str(self.folder) in str(argument) for argument in arguments[:2])
        if self.busy or not named or not (writes or event in CHANGES):
            return
        if self.doom is not None:
            return self.doom(str(arguments[0]))
        fates: dict[str, Fate] = {"killed": die, "full": full}
        if event == "os.mkdir" and str(arguments[0]).endswith(DRAFT):
            fates |= {f"limit{size}": partial(only, size) for size in self.sizes}
        for name, fate in fates.items():
            self.busy = True
            alone = self.begin(name)
            self.busy = False
            if alone:
                self.doom = fate
                return fate(str(arguments[0]))

    def begin(self, name: str) -> bool:
        """Part in two: True in the process that meets its fate, False in the one that goes on."""
        self.count += 1
        saved = self.tried / "saved"
        shutil.copytree(self.folder, saved)
        heard, told = os.pipe()  # no file, which may be limited
        child = os.fork()
        if child == 0:
            sys.stderr = os.fdopen(told, "w", buffering=1)
            return True
        os.close(told)
        with os.fdopen(heard) as pipe:
            said = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = self.tried / f"{self.count:03}-{name}"
        self.folder.rename(found)
        saved.rename(self.folder)
        (found / "code").write_text(str(code))
        (found / "said").write_text(said)
        return False


def die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def full(path: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def only(size: int, _: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_killed_at_any_change_or_with_a_full_disk(case: Case, tmp_path: Path) -> None:
    case.prepare()
    old = content(case.folder)
    config, weights = ((case.folder / name).stat().st_size for name in (CONFIG, WEIGHTS))
    fates = Fates(case.folder, tmp_path, (0, 1, config - 1, weights // 2, weights - 1))
    assert case.run(lambda: sys.addaudithook(fates)) == 0
    new = content(case.folder)
    assert new != old
    loaded: dict[str, list[bool]] = {}
    for folder in sorted(tmp_path.iterdir()):
        _, name = folder.name.split("-")
        code, said = (folder / "code").read_text(), (folder / "said").read_text()
        found = content(folder)
        assert found in (old, new), folder.name
        assert found == new or code != "0", folder.name
        loaded.setdefault(name, []).append(found == new)
        if name == "killed":
            assert code == str(-signal.SIGKILL)
        elif code != "0":
            assert code == str(exit_codes.OWN_ERROR) and "Traceback" not in said, said
            assert "No space left on device" in said or "File too large" in said
            assert str(case.folder) in said
    assert len(loaded["killed"]) == len(loaded["full"]) > 8
    for outcomes in loaded.values():
        assert outcomes == sorted(outcomes), "the old one up to a moment"
    assert not loaded["killed"][0] and loaded["killed"][-1], "from then on the new one"
    assert loaded["limit0"] == loaded["limit1"] == [False]


@pytest.mark.long
def test_killed_at_random_moments(case: Case) -> None:
    case.prepare()
    start = time.monotonic()
    assert case.run() == 0
    took, new = time.monotonic() - start, content(case.folder)
    moments = random.Random(3)
    for _ in range(KILLS):
        case.prepare()
        case.run(seconds=moments.uniform(0, took))
        assert content(case.folder) in (content(case.before), new)
