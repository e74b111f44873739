"""Hostile files through the package, the command line and HTTP: an answer or one sentence each.

The corpus is made by `tests.hostile`. Time is that of the processor, so that what else runs on a
machine does not count; memory is what a process of its own took at its peak.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siamese import __main__ as cli
from siamese.commands import exit_codes
from siamese.errors import ImageError, NoFaceError
from siamese.photos import Caption, load
from tests import app_server, hostile, pictures

SECONDS = 12.0  # eight for the decoder, the rest for looking for faces
MEGABYTES = 700  # of the process that decodes
SERVER_MEGABYTES = 1229  # of the server, which decodes none of them
SENTENCE = 420  # characters; longer ones nobody reads
ROOT = Path(__file__).parent.parent

# The app with a decoder whose clock is out of play: how long a photo takes by it depends on what
# else a machine does. Seconds of the processor still count, and every file is far from them: the
# slowest that is read takes two of ten, and what would take more is refused by its looks.
PATIENT = """
import runpy
from siamese import photos
from siamese.photos import worker
usual = photos.DecoderProcess
photos.DecoderProcess = lambda: usual(limits=worker.LIMITS._replace(seconds=3600))
runpy.run_path("app.py", run_name="__main__")
"""

# In a process of its own, whose peak can be told, because it makes none of the files, which takes
# more memory than to read them: each through `Verifier.find`, as a server takes strangers' photos
# in; between them a good photo, which must answer as before. Prints a line for each file: the time
# of this process and of the one that decodes, together, and the peak of the latter.
PROGRAM = """
import json, sys, threading, time
from pathlib import Path
import psutil
from siamese import SiameseError, Verifier, pretrained
from siamese.photos import DecoderProcess, worker
from tests import app_server, pictures

apart = DecoderProcess(limits=worker.LIMITS._replace(seconds=3600))
verifier = Verifier(pretrained.load(app_server.checkpoint()), apart.load)
good = pictures.encoded(pictures.portrait(), "JPEG")
before = verifier.find(good, name="good.jpg").faces[0].box
parent = psutil.Process(apart.start()[0].pid)
highest = 0.0

def peak(process):
    told = Path(f"/proc/{process}/status").read_text().split()
    return int(told[told.index("VmHWM:") + 1]) / 1024 if "VmHWM:" in told else 0.0

def watch():
    global highest
    while True:
        for child in parent.children():
            try:
                highest = max(highest, peak(child.pid))
            except OSError:
                pass
        time.sleep(0.01)

def spent():
    times = parent.cpu_times()
    return time.process_time() + times.children_user + times.children_system

threading.Thread(target=watch, daemon=True).start()

folder = Path(sys.argv[1])
for number, (name, readable) in enumerate(json.loads((folder / "names.json").read_text())):
    content = (folder / str(number)).read_bytes()
    start, highest, said, code = spent(), 0.0, "", ""
    try:
        verifier.find(content, name=name)
    except SiameseError as error:
        said, code = str(error), error.code
    while parent.children():
        time.sleep(0.01)
    took = spent() - start
    if number % 10 == 0 and verifier.find(good, name="good.jpg").faces[0].box != before:
        code = "the next request is answered differently"
    print(json.dumps([name, readable, code, said, took, highest]), flush=True)
"""


def check(name: str, readable: bool | None, code: str, said: str) -> None:
    """One file's outcome: the right kind of answer, and a sentence that names the photo."""
    assert code in ("", "no_face", "unreadable_image"), (name, code, said)
    if readable is not None:
        assert (code != "unreadable_image") == readable, (name, said)
    if code:
        assert_sentence(said, name)


def assert_sentence(said: str, name: str) -> None:
    """One line of bounded length that ends as sentences do and names the photo."""
    caption = Caption.of("photo", name)
    assert caption.name in said, (name, said)
    assert said.endswith(".") and said.isprintable() and len(said) < SENTENCE, said


def test_the_corpus_is_large_varied_and_the_same_every_time() -> None:
    files = [(file.name, len(file.content)) for file in cheap()]
    assert files == [(file.name, len(file.content)) for file in cheap()]
    assert len(files) >= 200
    assert len({name for name, _ in files}) == len(files)


def cheap() -> Iterator[hostile.Hostile]:
    """The corpus without its bombs, whose files are large."""
    return hostile.corpus(without=("bomb",))


IMPORTS = """
import json, sys
from pathlib import Path
from siamese import errors
from siamese.photos import decode, photo, worker

before = set(sys.modules)
for path in Path(sys.argv[1]).iterdir():
    try:
        decode.decode(path.read_bytes(), photo.Caption("photo", path.name)).at(1.0)
    except errors.ImageError:
        pass
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_no_photo_needs_an_import_that_its_process_could_not_make(tmp_path: Path) -> None:
    """A process that can open no file cannot import what Pillow puts off."""
    for number, file in enumerate(cheap()):
        (tmp_path / str(number)).write_bytes(file.content)
    command = [sys.executable, "-W", "ignore", "-c", IMPORTS, str(tmp_path)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak")
@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.long)])
def test_each_as_a_server_takes_it_in(step: int, tmp_path: Path) -> None:
    names = []
    for number, file in enumerate(islice(hostile.corpus(), 0, None, step)):
        (tmp_path / str(number)).write_bytes(file.content)
        names.append((file.name, file.readable))
    (tmp_path / "names.json").write_text(json.dumps(names))
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert len(lines) >= 350 // step
    for name, readable, code, said, spent, peak in lines:
        check(name, readable, code, said)
        assert spent < SECONDS, (name, spent)
        assert peak < MEGABYTES, (name, peak)


def written(folder: Path, file: hostile.Hostile) -> Path:
    """The file on disk, by its own name where a disk can have that."""
    last = file.name.replace("/", "_").replace("\0", "")
    path = folder / (last if len(last.encode()) < 250 else last[-60:])
    path.write_bytes(file.content)
    return path


@pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.long)])
def test_each_on_the_command_line(
    step: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "good.jpg"
    good.write_bytes(pictures.encoded(pictures.portrait(), "JPEG"))
    for file in islice(cheap(), 0, None, step):
        path = written(tmp_path, file)
        # "--" because a name may look like an option.
        status = cli.main(["verify", "--json", "--", str(good), str(path)])
        shown = capsys.readouterr()
        if status == exit_codes.INPUT_ERROR:
            said = shown.err.strip()
            assert shown.out == "" and said.count("\n") == 0, said
            code = "no_face" if "No face" in said else "unreadable_image"
            check(path.name, file.readable, code, said)
        else:
            assert status in (exit_codes.SAME, exit_codes.DIFFERENT, exit_codes.UNCERTAIN)
            assert file.readable is not False, file.name
            assert json.loads(shown.out)["photos"][1]["name"]
        path.unlink()


@pytest.mark.long
def test_a_hostile_file_in_a_process_of_its_own(tmp_path: Path) -> None:
    bomb = next(file for file in hostile.corpus() if "huge tile" in file.name)
    path = written(tmp_path, bomb)
    command = [sys.executable, "-m", "siamese", "verify", str(path), str(path)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == exit_codes.INPUT_ERROR and found.stdout == ""
    assert len(found.stderr.splitlines()) == 1
    assert_sentence(found.stderr.strip(), path.name)


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.long)])
def test_each_over_http(step: int, tmp_path: Path) -> None:
    # One of its own: what other tests made a shared one hold at once would count too.
    server = app_server.start([sys.executable, "-c", PATIENT])
    client = Client(server.url, verbose=False)
    good = tmp_path / "good.jpg"
    good.write_bytes(pictures.encoded(pictures.portrait(), "JPEG"))
    for file in islice(hostile.corpus(), 0, None, step):
        path = written(tmp_path, file)
        start = app_server.processor_seconds(server)
        try:
            answer = client.predict(handle_file(good), handle_file(path), api_name="/verify")
            assert file.readable is not False, file.name
            assert answer["kind"] == "verification"
        except AppError as error:
            assert error.title is not None
            # The client gives the file its name as a disk can have it.
            check(path.name[-20:], file.readable, error.title, error.message)
        assert app_server.processor_seconds(server) - start < SECONDS, file.name
        path.unlink()
    assert server.uploads == []
    assert app_server.peak_megabytes(server) < SERVER_MEGABYTES
    app_server.stop(server)


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_a_file_cut_off_anywhere_gives_a_picture_or_a_sentence(kind: str) -> None:
    """A JPEG that ended within the header of its scan was an IndexError."""
    content = hostile.valid(kind, 16)
    for length in range(len(content)):
        goes_through(f"cut.{hostile.KINDS[kind]}", content[:length])


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A valid file of any format in which something was changed, cut, doubled or put in."""
    kind = draw(st.sampled_from(sorted(hostile.KINDS)))
    content = bytearray(hostile.valid(kind))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["change", "cut", "double", "insert", "grow"])):
            case "change":
                content[place : place + 1] = bytes((draw(st.integers(0, 255)),))
            case "cut":
                del content[place : place + draw(st.integers(1, 200))]
            case "double":
                content += content[place:][: 4096 - len(content) // 64]
            case "insert":
                content[place:place] = draw(st.binary(max_size=12))
            case "grow":  # what says how long or how large something is
                content[place : place + 4] = draw(st.sampled_from([b"\xff" * 4, b"\x7f\xff" * 2]))
    return f"mutated.{hostile.KINDS[kind]}", bytes(content)


def goes_through(name: str, content: bytes) -> None:
    start = time.process_time()
    with contextlib.suppress(ImageError, NoFaceError):
        try:
            photo = load(content, name)
            assert photo.at(min(1.0, 640 / max(photo.size))).mode == "RGB"
        except ImageError as error:
            assert_sentence(str(error), name)
            raise
    assert time.process_time() - start < SECONDS


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_mutated_files_give_a_picture_or_a_sentence(file: tuple[str, bytes]) -> None:
    goes_through(*file)


@pytest.mark.long
@settings(max_examples=6000, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_thousands_of_mutated_files(file: tuple[str, bytes]) -> None:
    goes_through(*file)
