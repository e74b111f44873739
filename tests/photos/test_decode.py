"""Photos of every kind become the same upright RGB picture, or an ImageError naming the photo."""

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from siamese.errors import ImageError
from siamese.photos import Photo, Source, containers, decode, load
from siamese.photos import render as render_module
from siamese.photos.decode import MAX_GONE_OVER
from tests import hostile
from tests.pictures import corners, encoded, exif, oriented, portrait


def pixels(photo: Photo, scale: float = 1.0) -> np.ndarray:
    return np.asarray(photo.at(scale), dtype=float)


def difference(a: np.ndarray, b: Image.Image) -> float:
    return float(np.abs(a - np.asarray(b, dtype=float)).mean())


# ---- what comes in


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("JPEG", 6), ("PNG", 0), ("WEBP", 4), ("AVIF", 5), ("HEIC", 5), ("GIF", 9), ("TIFF", 0),
     ("BMP", 0)],
)  # fmt: skip
def test_each_format_gives_the_picture(kind: str, tolerance: float) -> None:
    photo = load(encoded(portrait(), kind))
    assert photo.size == (512, 512)
    picture = photo.at(1.0)
    assert picture.mode == "RGB"
    assert difference(np.asarray(picture, dtype=float), portrait()) <= tolerance


def test_heic_is_not_registered_with_pillow_for_everybody_else() -> None:
    before = set(Image.OPEN)
    load(encoded(corners(), "HEIC")).at(1.0)
    assert set(Image.OPEN) == before


def test_path_bytes_file_picture_and_array_are_the_same(tmp_path: Path) -> None:
    content = encoded(corners())
    path = tmp_path / "a.png"
    path.write_bytes(content)
    sources = [path, str(path), content, io.BytesIO(content), corners(), np.asarray(corners())]
    for source in sources:
        assert difference(pixels(load(source)), corners()) == 0


def test_the_name_is_the_files_own_unless_given(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(corners()))
    assert load(path).caption == ("a.png", 'the photo "a.png"')
    with path.open("rb") as file:
        assert load(file).caption.name == "a.png"
    assert load(path, name="me", role="query").caption == ("me", 'the query "me"')
    assert load(path.read_bytes()).caption == ("photo", "the photo")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "RGBX", "CMYK", "YCbCr"])
def test_modes_of_a_picture_in_memory(mode: str) -> None:
    grey = Image.new("L", (40, 30), 255)
    grey.paste(0, (0, 0, 20, 30))
    got = pixels(load(grey.convert(mode)))
    assert got.shape == (30, 40, 3)
    assert np.all(got[:, :20] < 10)
    assert np.all(got[:, 20:] > 245)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparent_parts_are_white(kind: str) -> None:
    picture = corners().convert("RGBA")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 48, 32))
    picture.putalpha(alpha)
    got = pixels(load(encoded(picture, kind, quality=95)))
    assert np.all(got[4:28, 4:44] > 250)
    assert np.all(np.abs(got[4:28, 52:92] - (30, 180, 30)) < 12)


def test_palette_with_transparency() -> None:
    picture = corners().quantize(8)
    red = picture.getpixel((3, 3))
    got = pixels(load(encoded(picture, "PNG", transparency=red)))
    assert np.all(got[:32, :48] == 255)
    assert np.all(np.abs(got[:32, 48:] - (30, 180, 30)) < 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(20, axis=0)
    picture = Image.fromarray(ramp)
    got = pixels(load(encoded(picture, kind)))[5, :, 0]
    assert np.abs(got - np.arange(256)).max() <= 1


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_tiff(top: float) -> None:
    ramp = np.linspace(0, top, 256, dtype=np.float32)[None].repeat(20, axis=0)
    got = pixels(load(encoded(Image.fromarray(ramp), "TIFF")))[5, :, 0]
    assert np.abs(got - np.arange(256)).max() <= 1


def test_float_tiff_without_numbers_in_it() -> None:
    nothing = np.full((20, 20), np.nan, dtype=np.float32)
    assert pixels(load(encoded(Image.fromarray(nothing), "TIFF"))).shape == (20, 20, 3)


def test_cmyk_jpeg_is_not_a_negative() -> None:
    # Adobe's programs, and Pillow, store the inks inverted in a JPEG.
    got = load(encoded(portrait().convert("CMYK"), "JPEG", quality=95))
    assert difference(pixels(got), portrait()) < 6


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.float64, np.bool_])
def test_arrays_of_other_types(kind: type) -> None:
    scale = {np.uint16: 65535, np.bool_: 1}.get(kind, 1.0)
    array = np.zeros((20, 30, 3), dtype=kind)
    array[:, 15:] = scale
    got = pixels(load(array))
    assert np.all(got[:, :15] == 0)
    assert np.all(got[:, 15:] == 255)


@pytest.mark.parametrize(
    "array", [np.zeros((0, 5, 3), np.uint8), np.zeros(7, np.uint8), np.zeros((5, 5, 2), np.uint8),
              np.zeros((5, 5), np.int64), np.zeros((5, 5), "U3")],
)  # fmt: skip
def test_arrays_that_are_not_pictures(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match='"odd"'):
        load(array, name="odd")


def test_an_array_that_changes_later_does_not_change_the_photo() -> None:
    array = np.zeros((20, 20, 3), dtype=np.uint8)
    photo = load(array)
    array[:] = 255
    assert pixels(photo).max() == 0


def test_animations_give_their_first_frame() -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.abs(pixels(load(content)).mean(axis=(0, 1)) - (255, 0, 0)).max() < 3


# ---- upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_exif_orientation(kind: str, orientation: int) -> None:
    """The encoders of AVIF and HEIC make boxes of their own of it, which the format goes by."""
    stored = oriented(corners((320, 160)), orientation)
    options = {"WEBP": {"lossless": True}, "PNG": {}, "TIFF": {}}.get(kind, {"quality": 95})
    content = encoded(stored, kind, exif=exif(orientation).tobytes(), **options)
    photo = load(content)
    assert photo.size == (320, 160)
    assert difference(pixels(photo), corners((320, 160))) < 2
    if kind != "HEIC":  # which Pillow cannot open
        # The independent reference: Pillow's own way to apply the orientation.
        reference = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        assert difference(pixels(photo), reference.convert("RGB")) < 1
    # Reduced and in part, too.
    assert photo.at(0.25).size == (80, 40)
    assert difference(pixels(photo, 0.25)[2:18, 2:38], corners((80, 40)).crop((2, 2, 38, 18))) < 2
    part = photo.at(0.5, (160, 0, 320, 80))
    assert part.size == (80, 40)
    assert np.abs(np.asarray(part, float)[4:-4, 4:-4] - (30, 180, 30)).max() < 12


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_the_boxes_of_an_avif_or_heic_count_and_its_exif_does_not(kind: str, turned: bool) -> None:
    """By the format's rules (MIAF, ISO/IEC 23000-22): EXIF is for information only."""
    block = Image.Exif()
    block[0x0113] = 8  # a tag that no encoder makes boxes of; made the orientation afterwards
    block[0x0112] = 6 if turned else 1
    stored = oriented(corners(), 6) if turned else corners()
    content = encoded(stored, kind, exif=block.tobytes(), quality=95)
    assert content.count(b"\x01\x13\0\x03") == 1
    assert (b"irot" in content) == turned
    photo = load(content.replace(b"\x01\x13\0\x03", b"\x01\x12\0\x03"))
    assert photo.size == (96, 64)
    assert difference(pixels(photo), corners()) < 3


def test_exif_of_a_picture_in_memory_counts() -> None:
    content = encoded(oriented(corners(), 6), "JPEG", exif=exif(6))
    assert load(Image.open(io.BytesIO(content))).size == (96, 64)


@pytest.mark.parametrize(
    "junk", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 99]
)
def test_broken_exif_is_ignored(junk: bytes) -> None:
    assert load(encoded(corners(), "JPEG", exif=junk)).size == (96, 64)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_orientations_that_do_not_exist_are_ignored(value: int) -> None:
    assert load(encoded(corners(), "JPEG", exif=exif(value))).size == (96, 64)


# ---- reduced


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
@pytest.mark.parametrize("scale", [1.0, 0.77, 0.5, 0.31, 0.125, 0.06, 0.001])
def test_reduced_pictures_have_the_right_size_and_place(kind: str, scale: float) -> None:
    photo = load(encoded(portrait().crop((0, 0, 509, 301)), kind))
    small = photo.at(scale)
    assert small.size == (max(1, round(509 * scale)), max(1, round(301 * scale)))
    reference = portrait().crop((0, 0, 509, 301)).resize(small.size, Image.Resampling.LANCZOS)
    # One px of shift would make 20 or more at the small scales.
    assert difference(np.asarray(small, dtype=float), reference) < (7 if scale > 0.2 else 12)


def test_reducing_does_not_alias() -> None:
    """Stripes of one pixel become even grey at every scale; picking pixels would show stripes."""
    stripes = np.zeros((400, 600, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    photo = load(encoded(Image.fromarray(stripes)))
    for scale in (0.5, 0.4, 0.25, 0.1):
        inner = pixels(photo, scale)[3:-3, 3:-3]
        assert np.abs(inner - 127.5).max() < 30


def test_a_part_equals_that_part_of_the_whole() -> None:
    for kind in ("PNG", "JPEG"):
        photo = load(encoded(portrait(), kind, quality=95))
        whole = np.asarray(photo.at(0.5), dtype=float)
        part = np.asarray(photo.at(0.5, (100, 60, 300, 200)), dtype=float)
        assert part.shape == (70, 100, 3)
        assert np.abs(part - whole[30:100, 50:150]).mean() < 2


def test_large_pictures_are_flattened_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = portrait().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((512, 512)))
    photo = load(encoded(picture))
    at_once = [pixels(photo, scale) for scale in (1.0, 0.4, 0.1)]
    monkeypatch.setattr(render_module, "BAND_PIXELS", 5_000)
    in_bands = [pixels(photo, scale) for scale in (1.0, 0.4, 0.1)]
    for a, b in zip(at_once, in_bands, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp_is_decoded_as_pillow_does(mode: str, lossless: bool) -> None:
    picture = portrait().convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize((512, 512)))
    content = encoded(picture, "WEBP", quality=80, lossless=lossless)
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(Image.open(io.BytesIO(content)).convert("RGBA"))
    assert difference(pixels(load(content)), white.convert("RGB")) <= 1


@pytest.mark.parametrize("scale", [0, -1, 1.01, float("nan")])
def test_scales_that_make_no_sense(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        load(corners()).at(scale)


@pytest.mark.parametrize("size", [(1, 1), (10, 10), (1, 10_000), (10_000, 1), (3, 700)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    for kind in ("PNG", "JPEG"):
        photo = load(encoded(Image.new("RGB", size, (10, 200, 90)), kind))
        for scale in (1.0, 0.5, 0.01):
            assert np.abs(pixels(photo, scale) - (10, 200, 90)).max() < 4


# ---- refused, by name


def refused(source: Source, name: str = "holiday.jpg") -> str:
    with pytest.raises(ImageError) as caught:
        load(source, name).at(1.0)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"Dear diary", "not a picture"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04 ...", "zip"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\0\0\0\x18ftypmp42", "video"),
        (b"\0" * 500, "not a picture"),
    ],
)
def test_other_files_are_refused_by_what_they_are(content: bytes, word: str) -> None:
    message = refused(content)
    assert word in message
    assert '"holiday.jpg"' in message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIC", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_truncated_files(kind: str, part: float) -> None:
    content = encoded(portrait(), kind)
    assert '"holiday.jpg"' in refused(content[: int(len(content) * part)])


def test_bit_flips_end_in_a_picture_or_an_image_error() -> None:
    random = np.random.default_rng(1)
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "HEIC", "GIF", "TIFF", "BMP"):
        content = encoded(portrait().resize((64, 64)), kind)
        for _ in range(12):
            broken = np.frombuffer(content, dtype=np.uint8).copy()
            places = random.integers(0, min(600, len(broken)), 4)
            broken[places] ^= random.integers(1, 255, 4, dtype=np.uint8)
            try:
                load(broken.tobytes(), "x.png").at(0.5)
            except ImageError as error:
                assert '"x.png"' in str(error)


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    """A header that promises 40,000 x 40,000 px is enough; there are no pixels behind it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    content = encoded(corners())
    bomb = content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    message = refused(bomb)
    assert "1600 megapixels" in message
    assert "110" in message


def test_pillows_own_limit_neither_counts_nor_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "HEIC", "BMP"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert load(encoded(portrait(), kind)).at(0.5).size == (256, 256)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_BYTES", 1000)
    assert "MB" in refused(encoded(portrait(), "BMP"))


def test_an_endless_file_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            assert size >= 0
            return b"x" * size

    monkeypatch.setattr(decode, "MAX_BYTES", 1000)
    assert "MB" in refused(Endless())  # type: ignore[arg-type]


def test_paths_that_are_not_files(tmp_path: Path) -> None:
    for path in (
        tmp_path,
        tmp_path / "none.jpg",
        Path("/dev/zero"),
        "http://localhost/a.jpg",
        "a\0b",
    ):
        refused(path)


def test_a_folder_is_reported_as_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"is a folder; please choose one photo in it\.$"):
        load(tmp_path)


def test_a_file_opened_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    with path.open() as file:
        assert "binary" in refused(file)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x" * 300, "a\nb\x1b[31m.jpg", "\u202egpj.exe", "   ", "😀.png"])
def test_any_name_fits_a_sentence(name: str) -> None:
    message = refused(b"nothing", name)
    assert len(message) < 260
    assert message.isprintable()


# ---- and many at once


def test_threads_share_photos() -> None:
    photos = [
        load(encoded(portrait(), "JPEG")), load(portrait().convert("RGBA")),
        load(encoded(oriented(portrait(), 6), "PNG", exif=exif(6))),
    ]  # fmt: skip
    expected = [pixels(photo, 0.3) for photo in photos]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(5):
            for i, photo in enumerate(photos):
                if not np.array_equal(pixels(photo, 0.3), expected[i]):
                    wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_picture_with_a_colour_profile_loads() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert load(encoded(corners(), "JPEG", icc_profile=profile)).size == (96, 64)


def scans(side: int, count: int) -> bytes:
    return hostile._many_scans(side, count)


def test_scans_are_counted_up_to_the_end_of_the_picture() -> None:
    """Not those of a small picture in EXIF data, of a film behind it, or of stuffed bytes."""
    few = encoded(corners(), "JPEG", progressive=True)
    inside = hostile._segment(0xE1, b"Exif\0\0" + b"\xff\xda" * 20_000)
    film = b"\xff\xda" * 10_000_000
    one = containers._num_scans(encoded(portrait(), "JPEG"))
    assert (one, containers._num_scans(few[:2] + inside + few[2:] + film)) == (1, 10)
    assert load(few[:2] + inside + few[2:] + film).size == corners().size
    assert containers._num_scans(scans(64, 500)) == 500 + containers._num_scans(scans(64, 0))


def test_a_picture_with_far_too_many_scans_is_refused() -> None:
    most = MAX_GONE_OVER // 2000**2 - 10  # the scans that it has anyway
    assert load(scans(2000, most - 10)).size == (2000, 2000)
    for content in (scans(2000, most + 10), in_tiff(scans(2000, most + 10), 2000)):
        with pytest.raises(ImageError, match="far more scans than a photo needs"):
            load(content)
    assert load(in_tiff(scans(2000, 5), 2000)).size == (2000, 2000)


def in_tiff(strip: bytes, side: int) -> bytes:
    """A TIFF whose strip is a JPEG."""
    tags = {256: (4, side), 257: (4, side), 259: (3, 7), 278: (4, side), 279: (4, len(strip))}
    return hostile._tiff({**hostile._ORDINARY, **tags}, strip)
