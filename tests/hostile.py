"""A corpus of files that nobody should send, made by this module; nothing of it lies on disk.

Each has a name and says whether it must give a picture, must be refused, or may do either. A bomb
is a file that costs a careless decoder far more time or memory than its size promises.
"""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from tests.pictures import corners, encoded, exif, oriented, portrait

KINDS = {
    "JPEG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif", "HEIC": "heic", "GIF": "gif",
    "TIFF": "tif", "BMP": "bmp",
}  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """One file; `readable` is None where a picture and a refusal are both right."""

    name: str
    content: bytes
    readable: bool | None = None
    group: str = ""


def corpus(without: tuple[str, ...] = ()) -> Iterator[Hostile]:
    """All of them, made while one goes through; the same ones every time."""
    for group, make in GROUPS.items():
        if group in without:
            continue
        for number, (name, content, readable) in enumerate(make()):
            # Most names say what is wrong; two files of one name would be hard to tell apart.
            told = name if group == "names" else f"{group} {number} {name}"
            yield Hostile(told, content, readable, group)


_Made = Iterator[tuple[str, bytes, bool | None]]


@cache
def valid(kind: str, size: int = 96) -> bytes:
    """A small portrait as a file of this kind."""
    return encoded(portrait().crop((120, 20, 330, 230)).resize((size, size)), kind)


def _truncated() -> _Made:
    for kind, ending in KINDS.items():
        content = valid(kind)
        for part in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9):
            # The last bytes of a JPEG or a GIF may be missing without loss.
            yield f"{part:.0%}.{ending}", content[: int(len(content) * part)], False


def _flipped() -> _Made:
    random = np.random.default_rng(7)
    for kind, ending in KINDS.items():
        content = np.frombuffer(valid(kind), dtype=np.uint8)
        for reach in (40, 200, 600, len(content), len(content)):
            broken = content.copy()
            places = random.integers(0, min(reach, len(broken)), 5)
            broken[places] ^= random.integers(1, 255, 5, dtype=np.uint8)
            yield f"{reach}.{ending}", broken.tobytes(), None


def _wrong_extension() -> _Made:
    endings = [*KINDS.values()]
    for number, kind in enumerate(KINDS):
        yield f"photo.{endings[number - 1]}", valid(kind), True
    yield "photo.exe", valid("JPEG"), True
    yield "no ending", valid("PNG"), True


def _no_pictures() -> _Made:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("photo.jpg", valid("JPEG"))
    html = b"<!doctype html><html><script>alert(1)</script></html>"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>'
    others = {
        "empty.jpg": b"", "one byte.jpg": b"\xff", "text.jpg": b"Dear reader",
        "text.png": b"a\n" * 999,
        "utf-16.jpg": "Liebe Leute".encode("utf-16"), "page.jpg": html, "drawing.svg": svg,
        "drawing.png": b"<?xml version='1.0'?>" + svg, "paper.pdf": b"%PDF-1.7\n%%EOF",
        "paper.jpg": b"%PDF-1.7\n" + valid("JPEG"), "archive.zip": archive.getvalue(),
        "archive.jpg": archive.getvalue(), "packed.gz": gzip.compress(valid("JPEG")),
        "film.mp4": b"\0\0\0\x18ftypmp42" + bytes(200),
        "sound.wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(99),
        "program": b"\x7fELF" + bytes(300), "pickle.pt": b"\x80\x04cos\nsystem\n(S'false'\ntR.",
        "script.py": b"print('hello')", "list.json": b'{"path": "/etc/passwd"}',
        "zeros.jpg": bytes(5000),
        "ones.png": b"\xff" * 5000, "icon.ico": b"\0\0\1\0\1\0\x10\x10" + bytes(60),
        "postscript.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (w) file",
        "layers.psd": b"8BPS\0\1" + bytes(60),
        "old.pcx": b"\x0a\x05\x01\x08" + bytes(200), "grey.ppm": b"P6 2 2 255 " + bytes(12),
        "random.jpg": np.random.default_rng(3).bytes(4000),
    }  # fmt: skip
    for name, content in others.items():
        yield name, content, False
    for kind, ending in KINDS.items():
        yield f"only the first bytes.{ending}", valid(kind)[:16], False
        yield f"its first bytes and text.{ending}", valid(kind)[:16] + b"then a letter" * 40, False


def _unusual() -> _Made:
    """Valid pictures that seldom come: every mode, depth and shape."""
    face = portrait().resize((96, 96))
    grey = np.asarray(face.convert("L"))
    wide = (grey.astype(np.uint16) * 257).astype(np.uint16)
    pale = face.convert("RGBA")
    pale.putalpha(Image.linear_gradient("L").resize(face.size))
    palette = face.quantize(16)
    inks = face.convert("CMYK")
    yield "inks.jpg", encoded(inks, "JPEG"), True
    yield "inks.tif", encoded(inks, "TIFF"), True
    yield "inks packed.tif", encoded(inks, "TIFF", compression="tiff_lzw"), True
    yield "grey.jpg", encoded(face.convert("L"), "JPEG"), True
    yield "progressive.jpg", encoded(face, "JPEG", progressive=True), True
    yield "16 bits.png", encoded(Image.fromarray(wide), "PNG"), True
    yield "16 bits.tif", encoded(Image.fromarray(wide), "TIFF"), True
    yield "48 bits.png", _png_of(np.stack([wide] * 3, axis=-1), 16, 2), True
    yield "64 bits.png", _png_of(np.stack([wide] * 4, axis=-1), 16, 6), True
    yield "32 bits.tif", encoded(Image.fromarray(wide.astype(np.int32) * 999), "TIFF"), True
    for name, top in (("unit", 1.0), ("byte", 255.0), ("strange", 1e30)):
        yield (
            f"floats {name}.tif",
            encoded(Image.fromarray(grey * np.float32(top / 255)), "TIFF"),
            True,
        )
    for name, value in (("nan", np.nan), ("inf", np.inf), ("minus inf", -np.inf)):
        odd = grey.astype(np.float32)
        odd[:9] = value
        yield f"floats {name}.tif", encoded(Image.fromarray(odd), "TIFF"), True
    yield "bits.png", encoded(face.convert("1"), "PNG"), True
    yield "bits fax.tif", encoded(face.convert("1"), "TIFF", compression="group4"), True
    yield "lab.tif", encoded(Image.fromarray(np.asarray(face)).convert("LAB"), "TIFF"), True
    yield "ycbcr.tif", encoded(face, "TIFF", compression="jpeg"), True
    yield "palette.png", encoded(palette, "PNG", transparency=3), True
    yield "palette.gif", encoded(palette, "GIF", transparency=0), True
    yield "palette bytes.png", encoded(palette, "PNG", transparency=bytes(range(0, 240, 15))), True
    yield "grey alpha.png", encoded(pale.convert("LA"), "PNG"), True
    for kind in ("PNG", "WEBP", "TIFF", "AVIF", "HEIC"):
        yield f"alpha.{KINDS[kind]}", encoded(pale, kind), True
    for packed in ("tiff_deflate", "packbits", "tiff_adobe_deflate", "zstd", "lzma"):
        yield f"{packed}.tif", encoded(face, "TIFF", compression=packed), None
    for width, height in (
        (1, 1),
        (2, 2),
        (1, 10_000),
        (10_000, 1),
        (10, 10),
        (65_500, 1),
        (3, 700),
    ):
        for kind in ("PNG", "JPEG"):
            flat = Image.new("RGB", (width, height), (200, 150, 120))
            yield f"{width}x{height}.{KINDS[kind]}", encoded(flat, kind), True
    noise = np.random.default_rng(5).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    flats = {"black": np.zeros_like(noise), "white": np.full_like(noise, 255), "noise": noise}
    for name, array in flats.items():
        for kind in ("JPEG", "PNG", "WEBP"):
            yield f"{name}.{KINDS[kind]}", encoded(Image.fromarray(array), kind), True


def _oriented() -> _Made:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        for orientation in range(1, 9):
            stored = oriented(portrait().resize((96, 96)), orientation)
            yield (
                f"exif {orientation}.{KINDS[kind]}",
                encoded(stored, kind, exif=exif(orientation)),
                True,
            )
    for name, block in _broken_exif().items():
        yield f"{name}.jpg", _jpeg_with(_segment(0xE1, b"Exif\0\0" + block)), True
        yield f"{name}.webp", encoded(corners(), "WEBP", exif=b"Exif\0\0" + block), True
        yield f"{name}.png", _png_with(_chunk(b"eXIf", block)), True


def _broken_exif() -> dict[str, bytes]:
    """EXIF blocks without their leading `Exif\\0\\0`."""
    entry = struct.Struct("<HHII")
    return {
        "no exif": b"",
        "exif ends": b"II*\0",
        "exif points away": b"II*\0\xff\xff\xff\xff",
        "exif is ones": b"\xff" * 99,
        "exif loops": b"II*\0\x08\0\0\0\x01\0" + entry.pack(0x8769, 4, 1, 8) + b"\x08\0\0\0",
        "exif 9": b"II*\0\x08\0\0\0\x01\0" + entry.pack(0x112, 3, 1, 9) + bytes(4),
        "exif words": b"II*\0\x08\0\0\0\x01\0" + entry.pack(0x112, 2, 1, 65) + bytes(4),
        "exif many": b"MM\0*\0\0\0\x08\xff\xff" + bytes(600),
    }


def _animated() -> _Made:
    frames = [corners().rotate(angle) for angle in (0, 90, 180)]
    more = {"save_all": True, "append_images": frames[1:]}
    for kind in ("GIF", "WEBP", "PNG", "AVIF", "TIFF"):
        yield f"animated.{KINDS[kind]}", encoded(frames[0], kind, **more), True
    file = io.BytesIO()
    import pillow_heif

    heif = pillow_heif.from_pillow(frames[0])
    for frame in frames[1:]:
        heif.add_from_pillow(frame)
    heif.save(file)
    yield "several.heic", file.getvalue(), True


def _names() -> _Made:
    content = valid("JPEG")
    for name in (
        "😀👩‍👩‍👧.jpg", "\"quoted\" 'twice'.jpg", "a/b/../c.jpg", "..\\..\\windows.jpg",
        "<img src=x onerror=alert(1)>.jpg", "<script>alert(1)</script>", "x" * 300 + ".jpg",
        "tab\tand\nline.jpg", "\u202egpj.exe", "%2e%2e%2fetc%2fpasswd", "{0.__class__}.jpg",
        "$(reboot).jpg", "'; DROP TABLE photos; --.jpg", ".hidden", "con.jpg", "-rf.jpg", " .jpg",
        "Ünï—cødé 名前 שם.jpg", "a&b=c?d#e.jpg", "%s%n%d.jpg",
    ):  # fmt: skip
        yield name, content, True


def _bombs() -> _Made:
    yield from _png_bombs()
    yield from _gif_bombs()
    yield from _jpeg_bombs()
    yield from _tiff_bombs()
    yield from _other_bombs()


def _png_bombs() -> _Made:
    def header(width: int, height: int, colour: int = 2, depth: int = 8) -> bytes:
        return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))

    start, end = b"\x89PNG\r\n\x1a\n", _chunk(b"IEND", b"")
    rows = _chunk(b"IDAT", zlib.compress(bytes(10**6), 9))
    yield "3,600 megapixels.png", start + header(60_000, 60_000) + rows + end, False
    yield "2^31 wide.png", start + header(2**31 - 1, 1) + rows + end, False
    yield "no size.png", start + header(0, 0) + rows + end, False
    flat = np.zeros((10_000, 1 + 10_000 // 8), dtype=np.uint8)
    yield "100 megapixels.png", start + header(10_000, 10_000, 0, 1) + _chunk(
        b"IDAT", zlib.compress(flat.tobytes(), 9)) + end, True  # fmt: skip
    yield "more rows than it says.png", start + header(50, 50) + _chunk(
        b"IDAT", zlib.compress(bytes(50_000_000), 9)) + end, None  # fmt: skip
    words = zlib.compress(bytes(80_000_000), 9)
    for kind in (b"zTXt", b"iCCP"):
        yield f"{kind.decode()}.png", _png_with(_chunk(kind, b"name\0\0" + words)), True
    international = b"name\0\1\0\0\0" + words
    yield "iTXt.png", _png_with(_chunk(b"iTXt", international)), True
    yield (
        "much text.png",
        _png_with(_chunk(b"zTXt", b"n\0\0" + zlib.compress(bytes(10**6))) * 80),
        None,
    )
    yield "many chunks.png", _png_with(_chunk(b"teXt", b"") * 300_000), True
    control = _chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 96, 64, 0, 0, 1, 1, 0, 0))
    frames = _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)) + control * 9999
    yield "many frames.png", _png_with(frames), True
    for width, height, name in ((1, 110_000_000, "one column"), (2, 50_000_000, "two columns")):
        narrow = zlib.compress(bytes(height * (1 + width)), 9)
        yield f"{name}.png", start + header(width, height, 0) + _chunk(b"IDAT", narrow) + end, False
    wide = zlib.compressobj(1)
    row = bytes(1 + 9000 * 8)
    body = b"".join(wide.compress(row) for _ in range(9000)) + wide.flush()
    yield "81 megapixels of 16 bits.png", start + header(9000, 9000, 6, 16) + _chunk(
        b"IDAT", body) + end, True  # fmt: skip
    yield "exif tags.png", _png_with(_chunk(b"eXIf", _heavy_directory(4000, 400_000))), True


def _gif_bombs() -> _Made:
    screen = struct.pack("<HHBBB", 40, 30, 0x80, 0, 0) + bytes((0, 0, 0, 255, 255, 255))
    frame = b"," + struct.pack("<HHHHB", 0, 0, 40, 30, 0) + b"\x02\x02\x4c\x01\x00"
    picture = valid("GIF")
    whole = encoded(Image.new("L", (40, 30), 200), "GIF")
    body = whole[whole.index(b",") : -1]
    yield "100,000 frames.gif", whole[:-1] + body * 100_000 + b";", True
    yield "broken frames.gif", b"GIF89a" + screen + frame * 100_000 + b";", None
    for name, block in {
        "comments": b"!\xfe\x01A\0" * 200_000,
        "long comment": b"!\xfe" + b"\x01A" * 400_000 + b"\0",
        "extensions": b"!\xff\x01A\0" * 400_000,
    }.items():
        start = picture.index(b"!") if b"!" in picture[:900] else picture.index(b",")
        yield f"{name}.gif", picture[:start] + block + picture[start:], False
    large = struct.pack("<HH", 65_535, 65_535)
    yield "4,295 megapixels.gif", b"GIF89a" + large + screen[4:] + frame + b";", False
    beyond = b"," + struct.pack("<HHHHB", 65_000, 65_000, 500, 500, 0) + frame[10:]
    yield "frame beyond the screen.gif", b"GIF89a" + screen + beyond + b";", False


def _jpeg_bombs() -> _Made:
    for width, height in ((65_500, 65_500), (65_535, 2000)):
        content = bytearray(encoded(corners(), "JPEG"))
        place = content.index(b"\xff\xc0") + 5
        content[place : place + 4] = struct.pack(">HH", height, width)
        yield f"{width}x{height} and nothing in it.jpg", bytes(content), False
    yield "65,500 wide.jpg", encoded(Image.new("RGB", (65_500, 40), "navy"), "JPEG"), True
    for side, scans, readable in ((64, 5000, True), (2000, 3000, False)):
        yield f"{scans} scans {side}.jpg", _many_scans(side, scans), readable
    heavy = b"Exif\0\0" + _heavy_directory(5000, 60_000)
    yield "exif tags.jpg", _jpeg_with(_segment(0xE1, heavy[:65_500])), True
    more = b"".join(_segment(0xE1, b"Exif\0\0" + bytes(65_000)) for _ in range(60))
    yield "exif in parts.jpg", _jpeg_with(_segment(0xE1, heavy[:65_500]) + more), True
    profile = b"".join(
        _segment(0xE2, b"ICC_PROFILE\0" + bytes((n % 256, 255)) + bytes(60_000)) for n in range(200)
    )
    yield "profiles.jpg", _jpeg_with(profile), True
    yield "comments.jpg", _jpeg_with(_segment(0xFE, b"") * 300_000), True
    yield "resources.jpg", _jpeg_with(
        _segment(0xED, b"Photoshop 3.0\0" + b"8BIM\0\1\0\0\0\0\0\0" * 5000) * 50), True  # fmt: skip
    yield "several pictures.jpg", encoded(
        corners(), "MPO", save_all=True, append_images=[corners()] * 40), True  # fmt: skip
    yield "no end.jpg", valid("JPEG")[:-2], None
    yield "end and then a zip.jpg", valid("JPEG") + b"PK\x03\x04" + bytes(9999), True


_ORDINARY = {
    256: (4, 64), 257: (4, 64), 258: (3, 8), 259: (3, 1), 262: (3, 1), 273: (4, 8),
    277: (3, 1), 278: (4, 64), 279: (4, 4096),
}  # fmt: skip


def many_tags() -> bytes:
    """A TIFF of 64 x 64 pixels and 4,000 tags, each of which is the same 400 kB."""
    return _heavy_directory(4000, 400_000, _ORDINARY)


def _tiff_bombs() -> _Made:
    ordinary = _ORDINARY
    pixels = bytes(range(256)) * 16
    yield "plain.tif", _tiff(ordinary, pixels), True
    for name, change in {
        "2^32 wide": {256: (4, 2**32 - 1)}, "no size": {256: (4, 0), 257: (4, 0)},
        "no such compression": {259: (3, 9999)}, "jpeg in name only": {259: (3, 7)},
        "old jpeg": {259: (3, 6)}, "lzw in name only": {259: (3, 5)}, "fax": {259: (3, 3)},
        "thunderscan": {259: (3, 32809)}, "65,535 samples": {277: (3, 65_535)},
        "no samples": {277: (3, 0)}, "pixels elsewhere": {273: (4, 2**31)},
        "no rows in a strip": {278: (4, 0)}, "2^32 rows in a strip": {278: (4, 2**32 - 1)},
        "photometric": {262: (3, 77)}, "float of 8 bits": {339: (3, 3)},
        "predictor": {259: (3, 5), 317: (3, 3)},
        "planes": {284: (3, 2)}, "size as text": {256: (2, 64)}, "orientation": {274: (3, 77)},
    }.items():  # fmt: skip
        yield f"{name}.tif", _tiff({**ordinary, **change}, pixels), None
    yield "no tags.tif", _tiff({}, b""), False
    yield "tags.tif", many_tags(), False
    yield "every tag.tif", _heavy_directory(60_000, 900_000, ordinary), False
    directory = _tiff(ordinary, pixels)
    yield "a loop.tif", directory[:-4] + struct.pack("<I", len(directory) - 4 - 2 - 9 * 12), None
    yield "many strips.tif", _many_strips(), False
    for packing, name in ((8, "deflate"), (5, "lzw")):
        tile = {322: (4, 30_000), 323: (4, 20_000), 324: (4, 8), 325: (4, 4096)}
        changed = {**ordinary, **tile, 259: (3, packing)}
        for tag in (273, 278, 279):
            changed.pop(tag)
        yield f"one huge tile {name}.tif", _tiff(changed, zlib.compress(bytes(10**6))), False
    column = {**ordinary, 256: (4, 1), 257: (4, 100_000_000), 259: (3, 8), 278: (4, 100_000_000)}
    yield "one column.tif", _tiff(column, zlib.compress(bytes(10**7), 9)), False
    yield "tiles that lie.tif", _tiles(4, 8, 1), None
    yield "tiles of floats that lie.tif", _tiles(1, 32, 3), None
    strip = _many_scans(9000, 85)
    in_strip = {**ordinary, 256: (4, 9000), 257: (4, 9000), 259: (3, 7), 278: (4, 9000)}
    yield "85 scans.tif", _tiff({**in_strip, 279: (4, len(strip))}, strip), False
    yield from ((f"short strip {n}.tif", made, False) for n, made in enumerate(short_strips()))
    many = io.BytesIO()
    Image.new("L", (8, 8)).save(
        many, "TIFF", save_all=True, append_images=[Image.new("L", (8, 8))] * 2000
    )
    yield "2,000 pages.tif", many.getvalue(), True


def _bitmap(width: int, height: int, body: bytes, packed: int = 0) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, packed, 0, 1, 1, 256, 0)
    start = 14 + 40 + 1024
    file = struct.pack("<IHHI", start + len(body), 0, 0, start)
    return b"BM" + file + head + bytes(range(256)) * 4 + body


def _other_bombs() -> _Made:
    yield "runs.bmp", _bitmap(10_000, 10_000, b"\x01\x05" * 3_000_000, 1), False
    yield "ends of lines.bmp", _bitmap(10_000, 10_000, b"\0\0" * 20_000, 1), False
    yield "deltas.bmp", _bitmap(10_000, 10_000, b"\0\2\xff\xff" * 100, 1), True
    yield "one line of deltas.bmp", _bitmap(2_000_000, 1, b"\0\2\xff\0" * 200, 1), False
    yield "runs without progress.bmp", endless(), False
    yield "small runs.bmp", _bitmap(64, 64, b"\x40\x05\0\0" * 64 + b"\0\1", 1), True
    yield "huge.bmp", _bitmap(2**31 - 1, 2**31 - 1, b"", 0), False
    yield "upside down.bmp", _bitmap(64, -64, bytes(4096)), True
    yield "less than nothing.bmp", _bitmap(-64, 64, bytes(4096)), None
    large = encoded(Image.new("RGB", (6000, 6000), "teal"), "WEBP", quality=10, method=0)
    yield "36 megapixels.webp", large, True
    frames = [Image.new("RGB", (5000, 4000), colour) for colour in ("red", "lime")]
    options = {"save_all": True, "append_images": frames[1:], "quality": 10, "method": 0}
    yield "20 megapixels animated.webp", encoded(frames[0], "WEBP", **options), True
    empty = valid("WEBP")[12:] + b"JUNK\0\0\0\0" * 11_000_000
    yield "empty chunks.webp", b"RIFF" + struct.pack("<I", 4 + len(empty)) + b"WEBP" + empty, None
    few = encoded(corners(), "WEBP", save_all=True, append_images=[corners().rotate(9)])
    frame = few[few.index(b"ANMF") :]
    body = few[12:] + frame * 20_000
    yield "20,000 frames.webp", b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body, None
    for kind in ("AVIF", "HEIC"):
        content = bytearray(valid(kind))
        place = content.index(b"ispe") + 8
        for width, height in ((60_000, 60_000), (10_000, 10_000), (7000, 7000), (0, 0), (1, 1)):
            content[place : place + 8] = struct.pack(">II", width, height)
            yield f"says {width}x{height}.{KINDS[kind]}", bytes(content), None
        big = bytearray(encoded(Image.new("RGB", (1600, 1200), "olive"), kind))
        place = big.index(b"ispe") + 8
        big[place : place + 8] = struct.pack(">II", 64, 64)
        yield f"larger than it says.{KINDS[kind]}", bytes(big), None
    heavy = b"Exif\0\0" + _heavy_directory(4000, 400_000)
    # Pillow reads all tags of an AVIF when it opens it: more memory than a process has.
    yield "exif tags.avif", encoded(corners(), "AVIF", exif=heavy), False
    yield "exif tags.webp", encoded(corners(), "WEBP", exif=heavy), True
    yield "exif tags.heic", encoded(corners(), "HEIC", exif=heavy), True


def short_strips() -> Iterator[bytes]:
    """TIFFs of 64 rows, whose only strip is a JPEG of 8."""
    for photometric in (2, 6):
        strip = encoded(Image.new("RGB", (64, 8), (10, 120, 200)), "JPEG", subsampling=0)
        tags = {
            256: (4, 1, 64), 257: (4, 1, 64), 259: (3, 1, 7), 262: (3, 1, photometric),
            273: (4, 1, 8), 277: (3, 1, 3), 278: (4, 1, 64), 279: (4, 1, len(strip)),
        }  # fmt: skip
        place = 8 + len(strip) + len(strip) % 2
        tags[258] = (3, 3, place + 2 + 12 * (len(tags) + 1) + 4)
        entries = b"".join(struct.pack("<HHII", tag, *of) for tag, of in sorted(tags.items()))
        directory = struct.pack("<H", len(tags)) + entries + bytes(4) + struct.pack("<HHH", 8, 8, 8)
        yield b"II*\0" + struct.pack("<I", place) + strip.ljust(place - 8, b"\0") + directory


def endless(bytes_of_runs: int = 90_000_000) -> bytes:
    """A BMP of runs that make no progress, which Pillow follows in Python."""
    return _bitmap(1000, 1000, b"\0\2\0\0" * (bytes_of_runs // 4), 1)


def _chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_with(extra: bytes) -> bytes:
    """A small PNG with more chunks after its header."""
    content = encoded(corners())
    return content[:33] + extra + content[33:]


def _png_of(pixels: np.ndarray, depth: int, colour: int) -> bytes:
    """A PNG of big-endian values (H, W, C), which Pillow does not write."""
    rows = pixels.astype(">u2").reshape(len(pixels), -1).view(np.uint8)
    body = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], axis=1).tobytes()
    size = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(body)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _segment(marker: int, body: bytes) -> bytes:
    """A marker segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def _jpeg_with(extra: bytes) -> bytes:
    """A small JPEG with more segments, and without the resolution that saves reading EXIF."""
    content = encoded(corners(), "JPEG")
    after = 4 + struct.unpack(">H", content[4:6])[0]
    return content[:2] + extra + content[after:]


def _many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    content = encoded(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + content[-2:]


def _tiff(tags: dict[int, tuple[int, int]], pixels: bytes) -> bytes:
    """A TIFF with one value for each tag: tag -> (type, value); the pixels lie at 8."""
    entries = b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items())
    )
    place = 8 + len(pixels)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", place) + pixels + directory


def _heavy_directory(
    count: int, size: int, tags: dict[int, tuple[int, int]] | None = None
) -> bytes:
    """TIFF tags that all point to the same `size` bytes, which a reader copies for each."""
    own = dict(tags or {})
    entries = [
        struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(own.items())
    ]
    entries += [
        struct.pack("<HHII", tag, 7, size, 8) for tag in range(1000, 1000 + count) if tag not in own
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    place = 8 + max(size, 5000)
    return b"II*\0" + struct.pack("<I", place) + bytes(place - 8) + directory


def _tiles(samples: int, bits: int, kind: int) -> bytes:
    """A TIFF of 100 megapixels on its side, whose tiles all lie at the same place."""
    tile = zlib.compress(bytes(512 * 512 * samples * bits // 8), 9)
    count = 400
    place = 8 + len(tile) + len(tile) % 2
    lists = place + 2 + 12 * (14 if samples > 1 else 13) + 4
    tags = {
        256: (4, 1, 10_000), 257: (4, 1, 10_000), 258: (3, samples, bits), 259: (3, 1, 8),
        262: (3, 1, 2 if samples > 1 else 1), 274: (3, 1, 6), 277: (3, 1, samples),
        322: (4, 1, 512), 323: (4, 1, 512), 324: (4, count, lists),
        325: (4, count, lists + 4 * count), 338: (3, 1, 0), 339: (3, 1, kind), 284: (3, 1, 1),
    }  # fmt: skip
    if samples == 1:
        del tags[338]
    else:
        tags[258] = (3, samples, lists + 8 * count)
    entries = b"".join(struct.pack("<HHII", tag, *of) for tag, of in sorted(tags.items()))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    ends = struct.pack("<I", 8) * count + struct.pack("<I", len(tile)) * count
    depth = struct.pack("<H", bits) * samples
    return (
        b"II*\0"
        + struct.pack("<I", place)
        + tile.ljust(place - 8, b"\0")
        + directory
        + ends
        + depth
    )


def _many_strips() -> bytes:
    """A TIFF whose list of strips has two million places."""
    count = 2_000_000
    tags = [
        (256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, count, 8), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, count, 8),
    ]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
    body = struct.pack("<I", 8) * count
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory + bytes(4)


GROUPS: dict[str, Callable[[], _Made]] = {
    "truncated": _truncated,
    "flipped": _flipped,
    "wrong ending": _wrong_extension,
    "no picture": _no_pictures,
    "unusual": _unusual,
    "exif": _oriented,
    "animated": _animated,
    "names": _names,
    "bomb": _bombs,
}
