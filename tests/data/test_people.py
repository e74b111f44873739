"""Sources, the split, and where a crop shows the photo."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from siamese.data import people
from siamese.data.people import Part
from siamese.data.pixels import read_pixels, visible
from siamese.data.targets import close_to_any
from siamese.errors import ImageError, InputError
from siamese.evaluation import bench
from siamese.faces.whole_picture import WholePicture
from siamese.photos import load
from tests.pictures import corners, encoded, exif, oriented, portrait

ROOT = Path(__file__).parent.parent.parent


def write_people(folder: Path, names: list[str], side: int = 16) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((side, side, 3), 40 + number, np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


def test_folder_and_zip_give_the_same(tmp_path: Path) -> None:
    names = ["ann/1.png", "ann/2.png", "bob/1.png"]
    folder = write_people(tmp_path / "folder", names)
    archive = tmp_path / "people.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.write(folder / name, name)
    found = [people.list_pictures(source) for source in (folder, archive)]
    assert [(p.name, p.identity) for p in found[0]] == [(p.name, p.identity) for p in found[1]]
    arrays = [read_pixels(p, 16, 3, tmp_path / "cache") for p in found]
    assert np.array_equal(*arrays)
    assert arrays[0].shape == (3, 4, 16, 16) and (arrays[0][:, 3] == 255).all()


def test_pixels_are_decoded_once(tmp_path: Path) -> None:
    folder = write_people(tmp_path / "folder", ["ann/1.png"])
    pictures = people.list_pictures(folder)
    read_pixels(pictures, 16, 3, tmp_path / "cache")
    (cached,) = (tmp_path / "cache").glob("*.npy")
    before = cached.stat().st_mtime_ns
    read_pixels(pictures, 16, 3, tmp_path / "cache")
    assert cached.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "no pictures"), (["stray.png"], "outside any person's folder")],
)
def test_an_odd_source_is_refused(tmp_path: Path, names: list[str], message: str) -> None:
    folder = write_people(tmp_path / "folder", names)
    folder.mkdir(exist_ok=True)
    with pytest.raises(InputError, match=message):
        people.list_pictures(folder)


def test_a_whole_picture_is_read_as_the_product_sees_it(tmp_path: Path) -> None:
    """Any size, a stroke at the black edge included; and turned by quarters."""
    random = np.random.default_rng(2)
    (tmp_path / "a" / "b").mkdir(parents=True)
    path = tmp_path / "a" / "b" / "1.png"
    levels = np.where(random.random((105, 80)) < 0.3, 0, 255).astype(np.uint8)
    Image.fromarray(levels).convert("1").save(path)
    pictures = people.turned(people.list_pictures(tmp_path / "a"))
    pixels = read_pixels(pictures, 40, 1, tmp_path / "cache", whole=True)
    seen = WholePicture(40, 1).detect([load(path)])[0][0].crop[:, :, 0]
    assert pixels.shape == (4, 2, 40, 40) and (pixels[:, 1] == 255).all()
    for turn in range(4):
        assert np.array_equal(pixels[turn, 0], np.rot90(seen, turn))


@pytest.mark.parametrize("kind", ["transparent", "16 bits", "turned", "large"])
def test_unusual_pictures_are_read_as_the_product_sees_them(tmp_path: Path, kind: str) -> None:
    """Bare decoding made black of transparent paper and white of 16 bits, and turned nothing."""
    drawing = Image.new("RGBA", (50, 40), (0, 0, 0, 0))
    drawing.paste((200, 0, 0, 255), (10, 10, 20, 30))
    ramp = np.linspace(0, 65535, 50).astype(np.uint16)[None].repeat(40, axis=0)
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "1.jpg"
    path.write_bytes(
        {
            "transparent": lambda: encoded(drawing),
            "16 bits": lambda: encoded(Image.fromarray(ramp)),
            "turned": lambda: encoded(oriented(corners((50, 40)), 6), "JPEG", exif=exif(6)),
            "large": lambda: encoded(portrait(), "JPEG"),
        }[kind]()
    )
    pixels = read_pixels(people.list_pictures(tmp_path), 30, 3, tmp_path / "cache", True)
    seen = WholePicture(30, 3).detect([load(path)])[0][0].crop
    assert np.array_equal(pixels[0, :3], seen.transpose(2, 0, 1))
    corner = {"transparent": (255, 255, 255), "16 bits": (0, 0, 0), "turned": (200, 30, 30)}
    if kind in corner:
        assert np.abs(pixels[0, :3, 0, 0].astype(int) - corner[kind]).max() < 12


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    folder = write_people(tmp_path / "folder", ["ann/1.png", "ann/2.png"])
    (folder / "ann" / "2.png").write_bytes(encoded(portrait())[:5000])
    pictures = people.list_pictures(folder)
    with pytest.raises(ImageError, match=r'^The photo "ann/2\.png" is damaged'):
        read_pixels(pictures, 512, 3, tmp_path / "cache", whole=True)


def test_what_a_system_adds_to_a_folder_or_zip_is_not_a_picture(tmp_path: Path) -> None:
    folder = write_people(tmp_path / "folder", ["ann/1.png"])
    before = people.fingerprint(folder)
    for name in ("ann/._1.png", "__MACOSX/ann/._1.png", ".thumbnails/ann.png", ".DS_Store"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0\5\x16\7")
    archive = tmp_path / "people.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder))
    for source in (folder, archive):
        assert [picture.name for picture in people.list_pictures(source)] == ["ann/1.png"]
    assert people.fingerprint(folder) == before


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    """And nothing of the array that was begun is left."""
    folder = write_people(tmp_path / "folder", ["ann/1.png"], side=20)
    with pytest.raises(InputError, match=r"ann/1\.png is 20x20 px, not 16x16"):
        read_pixels(people.list_pictures(folder), 16, 3, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]


def test_two_people_of_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    first = write_people(tmp_path / "first", ["ann/1.png", "7/1.png"], side=16)
    second = write_people(tmp_path / "second", ["bob/1.png"], side=16)
    found = people.list_people([first, second])
    assert [picture.identity for picture in found] == ["7", "ann", "bob"]
    third = write_people(tmp_path / "third", ["cid/1.png", "7/2.png"], side=16)
    with pytest.raises(InputError, match="person called '7'"):
        people.list_people([first, second, third])
    with pytest.raises(InputError, match="called 'first'"):
        people.list_people([first, write_people(tmp_path / "a" / "first", ["dan/1.png"], side=16)])


def test_a_folder_is_known_by_what_is_in_its_files(tmp_path: Path) -> None:
    folder = write_people(tmp_path / "folder", ["ann/1.png", "bob/1.png"], side=20)
    before = people.fingerprint(folder)
    path = folder / "ann" / "1.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1  # another picture of the same size
    path.write_bytes(content)
    assert people.fingerprint(folder) != before
    content[-20] ^= 1
    path.write_bytes(content)
    assert people.fingerprint(folder) == before
    path.rename(folder / "bob" / "2.png")
    assert people.fingerprint(folder) != before


def test_the_split_never_moves_and_keeps_families_together() -> None:
    identities = [f"F{family:04d}_MID{member}" for family in range(400) for member in range(3)]
    parts = {identity: people.part_of(identity) for identity in identities}
    for identity in identities:
        assert parts[identity] is parts[f"{people.family(identity)}_MID0"]
    shares = {part: sum(p is part for p in parts.values()) / len(parts) for part in Part}
    assert 0.02 < shares[Part.VALIDATION] < 0.09
    assert 0.06 < shares[Part.CALIBRATION] < 0.15
    # Written down once: whoever changes the hash changes who has been tested on whom.
    kept = {
        Part.VALIDATION: ["39", "51", "55"],
        Part.CALIBRATION: ["F0006_MID1", "F0011_MID1", "F0013_MID1", "F0023_MID1", "46", "50"],
        Part.TRAIN: ["ann", "bob", "1", "F0001_MID1", "F0002_MID1", "76"],
    }
    for part, names in kept.items():
        assert {people.part_of(name) for name in names} == {part}


def test_visible_finds_the_black_outside_of_a_turned_photo() -> None:
    """Against the exact answer: a rotated rectangle, tested pixel by pixel."""
    y, x = np.mgrid[:64, :64] - 31.5
    angle = 0.2
    inside = (np.abs(x * np.cos(angle) + y * np.sin(angle)) < 20) & (
        np.abs(y * np.cos(angle) - x * np.sin(angle)) < 25
    )
    planes = np.where(inside, 120, 3).astype(np.uint8)[None]
    planes[:, 30:34, 30:34] = 0  # a pupil is not a border
    found = visible(planes)
    assert not (found & ~inside).any()
    assert found[30:34, 30:34].all()
    assert (inside & ~found).sum() < 200  # the darkened rim, one pixel wide


def test_close_to_any_against_the_full_matrix() -> None:
    random = np.random.default_rng(0)
    a, b = (random.normal(size=(n, 8)) for n in (3000, 50))
    a, b = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (a, b))
    assert np.array_equal(close_to_any(a, b, 0.8), (a @ b.T > 0.8).any(axis=1))


# ---- what nobody should have


def zip_of(path: Path, content: bytes, **how: Any) -> Path:
    """A zip with one picture of Ann."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ann/1.png", content, **how)
    return path


def refusal(source: Path, cache: Path) -> str:
    with pytest.raises((ImageError, InputError)) as caught:
        read_pixels(people.list_pictures(source), 16, 3, cache)
    assert not list(cache.glob("*.npy"))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of its own process")
def test_a_bomb_among_people_costs_no_memory(tmp_path: Path) -> None:
    """Unpacked, the picture has 1.5 GB; as much as a photo may have is looked at, once a thread."""
    program = """
import resource, sys
from pathlib import Path
from siamese.data import people
from siamese.data.pixels import read_pixels
from siamese.errors import ImageError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_pixels(people.list_pictures(Path(sys.argv[1])), 16, 3, Path(sys.argv[2]))
except ImageError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    bomb = tmp_path / "people.zip"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("ann/1.png", "w") as file,
    ):
        for _ in range(1500):
            file.write(bytes(2**20))
    assert bomb.stat().st_size < 10_000_000
    command = [sys.executable, "-c", program, str(bomb), str(tmp_path / "cache")]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said, megabytes = found.stdout.splitlines()
    assert "has more than 320 MB" in said and "1.png" in said
    assert int(megabytes) < 3 * 320


def test_a_zip_that_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    content = encoded(portrait().resize((16, 16)))
    made = zip_of(tmp_path / "people.zip", content).read_bytes()
    damages = {
        "damaged": made.replace(content[40:60], bytes(20)) if content[40:60] in made else made[:60]
        + bytes(20) + made[80:],
        "encrypted": made.replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\1").replace(
            b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1"
        ),
    }  # fmt: skip
    for name, damage in damages.items():
        assert damage != made
        path = tmp_path / f"{name}.zip"
        path.write_bytes(damage)
        said = refusal(path, tmp_path / "cache")
        assert f"ann/1.png in {path} cannot be unpacked" in said


class Evil:
    """What a pickle does when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("ran"),))


@pytest.mark.parametrize("kind", ["pickle", "garbage", "half", "other shape", "other numbers"])
def test_a_tampered_cache_is_one_sentence_and_runs_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = people.list_pictures(write_people(tmp_path / "folder", ["ann/1.png"]))
    good = np.array(read_pixels(pictures, 16, 3, tmp_path / "cache"))
    (cached,) = (tmp_path / "cache").glob("*.npy")
    match kind:
        case "pickle":
            np.save(cached, np.array([Evil()]), allow_pickle=True)
        case "garbage":
            cached.write_bytes(b"not an array")
        case "half":
            cached.write_bytes(cached.read_bytes()[:-9])
        case "other shape":
            np.save(cached, good[:, :2])
        case _:
            np.save(cached, good.astype(np.float32))
    with pytest.raises(InputError, match=r"is damaged, or not of this program; please delete it"):
        read_pixels(pictures, 16, 3, tmp_path / "cache")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["pickle", "garbage", "no keys", "too few", "one array"])
def test_a_tampered_cache_of_faces_runs_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, one = tmp_path / "crops.npz", np.zeros((1, 4))
    match kind:
        case "pickle":
            np.savez(path, pixels=np.array([Evil()]), found=one, facts=one)
        case "garbage":
            path.write_bytes(b"PK\x03\x04 and no zip")
        case "no keys":
            np.savez(path, pixels=one)
        case "too few":
            np.savez(path, pixels=one, found=one[:0], facts=one)
        case _:
            np.save(tmp_path / "a.npy", one)
            (tmp_path / "a.npy").rename(path)
    with pytest.raises(InputError, match=r"crops\.npz is damaged"):
        bench._read_piece(path, 1)
    assert not (tmp_path / "ran").exists()
