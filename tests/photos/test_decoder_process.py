"""Strangers' photos: the same pixels as in process, and what a decoder does gets no further."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from siamese.errors import ImageError
from siamese.photos import DecoderProcess, Photo, load
from siamese.photos.worker import Limits
from tests import hostile
from tests.pictures import corners, encoded, exif, oriented, portrait
from tests.visitor import eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux enforces them")
TOO_MUCH = 'The photo "a.jpg" takes too much time or memory to read; please save it as a JPEG'
JPEG = encoded(portrait(), "JPEG")


@pytest.fixture(scope="module")
def decoders() -> Iterator[DecoderProcess]:
    running = DecoderProcess()
    yield running
    running.stop()


@contextlib.contextmanager
def limited(**limits: float) -> Iterator[DecoderProcess]:
    running = DecoderProcess(limits=Limits(**limits))  # type: ignore[arg-type]
    yield running
    running.stop()


def at_work(decoders: DecoderProcess) -> list[psutil.Process]:
    """The processes that have a photo now."""
    return psutil.Process(decoders.start()[0].pid).children()


def works(decoders: DecoderProcess) -> bool:
    return decoders.load(JPEG).at(1.0).tobytes() == load(JPEG).at(1.0).tobytes()


# ---- the same as in process


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_the_pixels_are_those_of_decoding_in_process(decoders: DecoderProcess, kind: str) -> None:
    stored = oriented(portrait(), 6)
    content = encoded(stored, kind, **({} if kind in ("GIF", "BMP") else {"exif": exif(6)}))
    here, apart = load(content, "a"), decoders.load(content, "a")
    assert apart.caption == here.caption and apart.size == here.size
    assert apart.num_bytes == len(content)
    for scale, box in ((1.0, None), (0.3, None), (0.5, (100.0, 20.0, 301.5, 233.0))):
        wanted, got = here.at(scale, box), apart.at(scale, box)
        assert got.mode == "RGB" and got.size == wanted.size
        assert got.tobytes() == wanted.tobytes()


def test_the_errors_are_those_of_decoding_in_process(
    decoders: DecoderProcess, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Dear reader")
    for source in (b"", b"no picture", JPEG[:900], text, tmp_path, tmp_path / "none"):
        said = []
        for take in (load, decoders.load):
            with pytest.raises(ImageError) as caught:
                take(source, None, "second photo").at(0.5)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_what_is_decoded_already_is_taken_as_it_is(decoders: DecoderProcess) -> None:
    assert decoders.load(corners()).at(1.0).tobytes() == corners().tobytes()
    assert decoders.load(np.asarray(corners())).at(1.0).tobytes() == corners().tobytes()


def test_scales_that_make_no_sense_are_refused(decoders: DecoderProcess) -> None:
    with pytest.raises(ValueError, match="scale"):
        decoders.load(JPEG).at(0)


def test_where_a_system_cannot_fork(tmp_path: Path) -> None:
    started = DecoderProcess(fork=False)
    photo = started.load(JPEG)
    assert photo.at(0.5).tobytes() == load(JPEG).at(0.5).tobytes()
    with pytest.raises(ImageError, match="not a picture"):
        started.load(b"no picture")
    slow = DecoderProcess(fork=False, limits=Limits(seconds=1.0))
    with pytest.raises(ImageError, match=TOO_MUCH):
        slow.load(hostile.endless(), "a.jpg").at(1.0)


def test_threads_get_their_own_photos(decoders: DecoderProcess) -> None:
    colours = [(n * 20, 255 - n * 20, 90) for n in range(12)]
    photos = [decoders.load(encoded(Image.new("RGB", (300, 200), c))) for c in colours]
    wrong: list[int] = []

    def work(n: int) -> None:
        for photo in (photos[n], decoders.load(encoded(Image.new("RGB", (300, 200), colours[n])))):
            if photo.at(0.5).getcolors() != [(150 * 100, colours[n])]:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(colours))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- nothing of others is in its memory


def test_rows_that_a_file_does_not_have_are_refused() -> None:
    """A TIFF of 700 bytes; what Pillow left unwritten was what was decoded before."""
    for content in hostile.short_strips():
        with pytest.raises(ImageError, match="damaged"):
            load(content).at(1.0)


@linux
def test_what_a_decoder_leaves_unwritten_is_black(decoders: DecoderProcess) -> None:
    """By the decoder itself, in the process that photos are decoded in."""
    program = """
import io, sys
from PIL import Image
mine = [bytes([171]) * 12288 for _ in range(40)]
del mine
sys.stdout.buffer.write(Image.open(io.BytesIO(sys.stdin.buffer.read())).convert("RGB").tobytes())
"""
    environment = psutil.Process(decoders.start()[0].pid).environ()
    for content in hostile.short_strips():
        found = subprocess.run(
            [sys.executable, "-c", program], input=content, capture_output=True, env=environment
        )
        rows = np.frombuffer(found.stdout, np.uint8).reshape(64, 64, 3)
        assert rows[:4].any() and not rows[16:].any()


@linux
def test_a_process_has_one_photo_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with limited() as decoders:
        photos = [decoders.load(JPEG), decoders.load(encoded(corners()))]
        first, second = at_work(decoders)
        assert first.pid != second.pid
        photos[0].at(0.5)
        assert [process.pid for process in at_work(decoders)] == [first.pid, second.pid]
        root = psutil.Process(decoders.start()[0].pid)
        for process in (root, first, second):
            assert "HF_TOKEN" not in process.environ()
            loaded = Path(f"/proc/{process.pid}/maps").read_text()
            assert "PIL" in loaded and "torch" not in loaded
        assert root.num_threads() == 1


def test_it_ends_with_its_photo(decoders: DecoderProcess) -> None:
    photo: Photo | None = decoders.load(JPEG)
    assert len(at_work(decoders)) >= 1
    del photo
    gc.collect()
    assert eventually(lambda: not at_work(decoders))


def test_it_ends_when_nobody_asks_and_the_next_one_answers(decoders: DecoderProcess) -> None:
    photo = decoders.load(JPEG)
    assert eventually(lambda: not at_work(decoders))
    assert photo.at(0.5).tobytes() == load(JPEG).at(0.5).tobytes()


def test_the_processes_end_with_the_server() -> None:
    program = (
        "from siamese.photos import DecoderProcess; d = DecoderProcess(); d.check();"
        " print(d.start()[0].pid, flush=True); input()"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    process = int(server.stdout.readline())
    assert psutil.pid_exists(process)
    server.kill()
    server.wait()
    assert eventually(lambda: not psutil.pid_exists(process))


# ---- what goes wrong in it


@linux
def test_a_loop_ends_by_the_processors_time() -> None:
    with limited(cpu_seconds=1) as decoders:
        photo = decoders.load(hostile.endless(), "a.jpg")
        with pytest.raises(ImageError, match=TOO_MUCH):
            photo.at(1.0)
        assert works(decoders)


def test_a_loop_ends_by_the_clock() -> None:
    with limited(seconds=1.0) as decoders:
        photo = decoders.load(hostile.endless(), "a.jpg")
        with pytest.raises(ImageError, match=TOO_MUCH):
            photo.at(1.0)
        assert works(decoders)


@linux
def test_memory_has_an_end() -> None:
    content = encoded(Image.new("RGB", (8000, 8000)), compress_level=1)
    with limited(memory=300 * 2**20) as decoders:
        photo = decoders.load(content, "a.jpg")
        with pytest.raises(ImageError, match=TOO_MUCH):
            photo.at(1.0)
        assert works(decoders)


@linux
def test_a_small_picture_gets_little_memory(decoders: DecoderProcess) -> None:
    worst = 0

    def watch() -> None:
        nonlocal worst
        while photo is None:
            with contextlib.suppress(psutil.Error):
                worst = max([worst, *(process.memory_info().rss for process in at_work(decoders))])

    photo: object = None
    watcher = threading.Thread(target=watch)
    watcher.start()
    with contextlib.suppress(ImageError):
        decoders.load(hostile.many_tags()).at(1.0)
    photo = "over"
    watcher.join()
    assert 0 < worst < 500 * 2**20


@linux
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_is_one_sentence(sign: signal.Signals) -> None:
    with limited() as decoders:
        photo = decoders.load(JPEG, "a.jpg")
        (process,) = at_work(decoders)
        process.send_signal(sign)
        assert eventually(lambda: not at_work(decoders))
        with pytest.raises(ImageError, match=TOO_MUCH):
            photo.at(1.0)
        assert works(decoders)


def test_the_process_that_others_are_forked_from_is_started_again() -> None:
    with limited() as decoders:
        photo = decoders.load(JPEG)
        os.kill(decoders.start()[0].pid, signal.SIGKILL)
        assert works(decoders)
        assert photo.at(0.5).tobytes() == load(JPEG).at(0.5).tobytes()


@linux
@pytest.mark.parametrize(
    "deed",
    [
        "open('/etc/hostname')", "open('/tmp/x', 'w')", "__import__('socket').socket()",
        "os.pipe()", "os.dup(0)", "bytearray(2**31)", "os.write(file, b'1')",
    ],
)  # fmt: skip
def test_its_limits_hold(deed: str) -> None:
    program = f"""
import os, tempfile
from siamese.photos import worker
file = tempfile.TemporaryFile().fileno()
worker.limit(worker.LIMITS)
try:
    {deed}
except (OSError, MemoryError):
    os._exit(7)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert found.returncode in (7, -signal.SIGXFSZ), found


def test_what_it_says_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the place of the worker stands a program that has been taken over."""
    from siamese.photos import worker

    for answer in (
        b"", b"\n", b"[]\n", b"{}\n", b'"size"\n', b'{"size": [1, -1]}\n', b'{"size": [1e9, 3]}\n',
        b'{"size": [999999, 1]}\n', b'{"size": "ab"}\n', b"[" * 99_999, b'{"error": 1}\n',
        b'{"size": [4, 4]}\n{"size": [4, 4]}\nfew',
        b'{"size": [4, 4]}\n{"size": [4, 5]}\n' + bytes(60),
    ):  # fmt: skip
        evil = tmp_path / "evil.py"
        evil.write_text(
            "import sys\nsys.stdin.buffer.readline()\n"
            f"sys.stdout.buffer.write({answer!r})\nsys.stdout.flush()\n"
        )
        monkeypatch.setattr(worker, "__file__", str(evil))
        with pytest.raises(ImageError, match=TOO_MUCH):
            DecoderProcess(fork=False).load(b"BM", "a.jpg").at(1.0)
