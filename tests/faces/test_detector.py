"""Faces are found at every size and orientation, put in order, and cut out upright and sharp."""

import io
import json
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from benchmarks.scenes import Place, Portrait, background, compose, found, group, lfw_portraits
from siamese.errors import ImageError
from siamese.faces.detector import Alignment, Face, FaceDetector, lies
from siamese.faces.mtcnn import SMALLEST, Cascade
from siamese.faces.prominence import prominence
from siamese.faces.quality import CUT_OFF, Flag, warnings_for
from siamese.photos import Photo, load
from tests.pictures import PORTRAIT_FACE, PORTRAIT_LANDMARKS, encoded, exif, oriented, portrait


def one(detector: FaceDetector, picture: Image.Image | Photo | bytes) -> Face:
    photo = picture if isinstance(picture, Photo) else load(picture)
    (face,) = detector.detect([photo])[0]
    return face


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def collins() -> Portrait:
    return Portrait("collins", portrait(), PORTRAIT_FACE)


# ---- one face


def test_the_portrait(detector: FaceDetector) -> None:
    face = one(detector, portrait())
    assert np.abs(np.array(face.box) - PORTRAIT_FACE).max() < 8
    assert np.abs(np.array(face.landmarks) - PORTRAIT_LANDMARKS).max() < 5
    assert face.score > 0.99
    assert face.turned == 0
    assert face.crop.shape == (96, 96, 3)
    assert face.crop.dtype == np.uint8


def test_a_face_as_data(detector: FaceDetector) -> None:
    face = one(detector, portrait())
    data = json.loads(json.dumps(face.to_dict()))
    assert set(data) == {"box", "landmarks", "score", "turned", "stretched"}
    assert data["box"] == list(face.box)


def test_the_crop_is_as_the_alignment_says() -> None:
    face = one(FaceDetector(Alignment(size=64, window=(20, 30, 92, 102))), portrait())
    assert face.crop.shape == (64, 64, 3)


@pytest.mark.parametrize("scale", [0.3, 0.5, 2, 5])
def test_coordinates_are_those_of_the_original(detector: FaceDetector, scale: float) -> None:
    side = round(512 * scale)
    face = one(detector, portrait().resize((side, side), Image.Resampling.LANCZOS))
    assert np.abs(np.array(face.box) / scale - PORTRAIT_FACE).max() < 10
    assert np.abs(np.array(face.landmarks) / scale - PORTRAIT_LANDMARKS).max() < 6


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_exif_orientation_gives_the_same_face(detector: FaceDetector, orientation: int) -> None:
    content = encoded(oriented(portrait(), orientation), "PNG", exif=exif(orientation))
    face, upright = one(detector, content), one(detector, portrait())
    assert face.turned == 0
    assert np.abs(np.array(face.box) - upright.box).max() < 1e-6
    assert np.array_equal(face.crop, upright.crop)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_photo_on_its_side(detector: FaceDetector, degrees: int) -> None:
    """`turned` says how to put it right; the coordinates are those of the photo as it came."""
    photo = load(portrait().crop((0, 0, 512, 400)).rotate(degrees, expand=True))
    face = one(detector, photo)
    assert face.turned == degrees  # rotate() goes counter-clockwise, `turned` clockwise
    upright = one(detector, portrait().crop((0, 0, 512, 400)))
    assert apart(face.crop, upright.crop) < 4
    x, y = np.array(upright.landmarks).T
    expected = {90: (y, 512 - x), 180: (512 - x, 400 - y), 270: (400 - y, x)}[degrees]
    assert np.abs(np.array(face.landmarks) - np.stack(expected, axis=1)).max() < 1
    x0, y0, x1, y1 = face.box
    assert 60 < x1 - x0 < 130
    assert 60 < y1 - y0 < 130
    assert x0 < np.array(face.landmarks)[:, 0].mean() < x1
    assert y0 < np.array(face.landmarks)[:, 1].mean() < y1


def test_a_large_photo_on_its_side_is_sharpened_upright(detector: FaceDetector) -> None:
    scene, _ = compose([collins()], [Place(1400, 900, 180)], background(seed=3))
    upright, lying = load(scene), load(scene.transpose(Image.Transpose.ROTATE_90))
    one_up, one_lying = one(detector, upright), one(detector, lying)
    assert one_lying.turned == 90
    (sharp,), (other,) = detector.sharpen(lying, [one_lying]), detector.sharpen(upright, [one_up])
    assert apart(sharp.crop, other.crop) < 10


@pytest.mark.parametrize("window", [100, 80, 66])
def test_a_face_that_fills_the_picture(detector: FaceDetector, window: int) -> None:
    """`window` is the side of the picture in px of the 112 px template."""
    (x, y), half = np.mean(PORTRAIT_LANDMARKS, axis=0), window / 2 * 1.17
    tight = portrait().crop((round(x - half), round(y - half), round(x + half), round(y + half)))
    face = one(detector, tight.resize((300, 300)))
    expected = (np.array(PORTRAIT_LANDMARKS) - (round(x - half), round(y - half))) / (2 * half)
    assert np.abs(np.array(face.landmarks) / 300 - expected).max() < 0.08


# ---- none


@pytest.mark.parametrize("size", [(1, 1), (10, 10), (1, 900), (3000, 12), (300, 200)])
@pytest.mark.parametrize("colour", ["black", "white"])
def test_pictures_without_a_face(
    detector: FaceDetector, size: tuple[int, int], colour: str
) -> None:
    assert detector.detect([load(Image.new("RGB", size, colour))], more=True) == [[]]


def test_scenery(detector: FaceDetector) -> None:
    assert detector.detect([load(background((1600, 1200), seed=5))]) == [[]]


def test_damage_names_the_photo(detector: FaceDetector) -> None:
    content = encoded(portrait(), "JPEG")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        detector.detect([load(content[: len(content) // 2], "broken.jpg")])


# ---- small and several


def test_a_small_face_alone_in_a_large_photo(detector: FaceDetector) -> None:
    scene, (truth,) = compose([collins()], [Place(2900, 2200, 40)], background(seed=1))
    photo = load(encoded(scene, "JPEG", quality=92))
    face = one(detector, photo)
    assert found(truth, face.box)


def test_a_small_face_beside_a_large_one_on_request(detector: FaceDetector) -> None:
    places = [Place(1300, 1300, 600), Place(3300, 2400, 40)]
    scene, (large, small) = compose([collins()] * 2, places, background(seed=2))
    photo = load(encoded(scene, "JPEG", quality=92))
    at_once = detector.detect([photo])[0]
    on_request = detector.detect([photo], more=True)[0]
    assert found(large, at_once[0].box) and found(large, on_request[0].box)
    assert not any(found(small, face.box) for face in at_once)
    assert sum(found(small, face.box) for face in on_request) == 1


def test_sharpening_brings_back_what_the_working_size_lost(detector: FaceDetector) -> None:
    scene, _ = compose([collins()], [Place(2000, 1500, 140)], background(seed=4))
    photo = load(scene)
    face = one(detector, photo)
    (sharp,) = detector.sharpen(photo, [face])

    def detail(crop: np.ndarray) -> float:
        return float(np.abs(np.diff(crop.astype(float), axis=1)).mean())

    assert detail(sharp.crop) > 1.3 * detail(face.crop)
    assert detail(sharp.crop) > 0.8 * detail(one(detector, portrait()).crop)
    assert apart(sharp.crop, face.crop) < 15  # the same face at the same place
    assert (sharp.box, sharp.landmarks, sharp.score) == (face.box, face.landmarks, face.score)


def test_sharpening_decodes_nothing_where_there_is_nothing_to_gain(detector: FaceDetector) -> None:
    photo = load(portrait())
    face = one(detector, photo)
    assert detector.sharpen(photo, [face])[0] is face


def test_all_faces_are_sharpened_by_one_decode(
    detector: FaceDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, _ = group([collins()] * 4, 140, background(seed=9))
    photo, opened = load(encoded(scene, "JPEG", quality=92)), []
    prepare = JpegImagePlugin.JpegImageFile.load_prepare  # once a decode
    monkeypatch.setattr(
        JpegImagePlugin.JpegImageFile,
        "load_prepare",
        lambda file: opened.append(file.size) or prepare(file),
    )
    faces = detector.detect([photo])[0]
    assert (len(faces), opened) == (4, [(1000, 750)])
    together = detector.sharpen(photo, faces)
    assert len(opened) == 2, "one for finding, one for all crops"
    for face, sharp in zip(faces, together, strict=True):
        assert apart(sharp.crop, face.crop) > 0
        assert apart(sharp.crop, detector.sharpen(photo, [face])[0].crop) < 3


def test_the_order_of_faces(detector: FaceDetector) -> None:
    """The plain largest is in the corner; the one near the centre comes first."""
    places = [Place(180, 180, 150), Place(820, 600, 120), Place(1450, 1050, 90)]
    scene, truths = compose([collins()] * 3, places, background((1600, 1200), seed=6))
    faces = detector.detect([load(scene)])[0]
    assert [next(i for i, t in enumerate(truths) if found(t, f.box)) for f in faces] == [1, 0, 2]


def test_prominence() -> None:
    size = (1000, 500)
    centre = prominence((450, 200, 550, 300), size)
    assert centre == pytest.approx(100)
    assert prominence((950, 450, 1050, 550), size) == pytest.approx(50)
    assert centre > prominence((100, 200, 200, 300), size)
    assert prominence((400, 150, 600, 350), size) == pytest.approx(200)
    assert prominence((50, 10, 40, 5), size) == 0


def test_more_pixels_cost_nothing_above_the_working_size(detector: FaceDetector) -> None:
    """The first network, which takes most of the time, sees as many pixels of each photo."""
    looked: list[int] = []

    def counted(module: nn.Module, given: tuple[Any, ...]) -> None:
        if type(module).__name__ == "PNet":
            looked.append(given[0].shape[2] * given[0].shape[3])

    pixels = []
    with register_module_forward_pre_hook(counted):
        for side in (700, 1400, 2800):
            looked.clear()
            detector.detect([load(portrait().resize((side, side)))])
            pixels.append(sum(looked))
    assert pixels[0] > 0 and len(set(pixels)) == 1


# ---- faces that the edge cuts off


@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("outside", [0.15, 0.35])
def test_a_face_cut_off_by_the_edge_is_found_beside_another(
    detector: FaceDetector, edge: str, outside: float
) -> None:
    """Once, with its landmarks where they are."""
    x0, y0, x1, y1 = PORTRAIT_FACE
    width, height = 120, 120 * (y1 - y0) / (x1 - x0)
    far, low = (0.5 - outside) * width, (0.5 - outside) * height
    x, y = {
        "left": (far, 300), "right": (800 - far, 300), "top": (600, low), "bottom": (600, 600 - low)
    }[edge]  # fmt: skip
    places = [Place(x, y, width), Place(600 if edge == "left" else 200, 300, 60)]
    scene, (cut, whole) = compose([collins()] * 2, places, background((800, 600), seed=8))
    faces = detector.detect([load(scene)])[0]
    assert len(faces) == 2
    beside, at_edge = sorted(faces, key=lambda face: face.box[2] - face.box[0])
    assert found(whole, beside.box)
    scale = width / (x1 - x0)
    corner = np.array(cut.box[:2]) - scale * np.array((x0, y0))
    there = np.array(PORTRAIT_LANDMARKS) * scale + corner
    eyes = float(np.linalg.norm(there[0] - there[1]))
    assert np.linalg.norm(there - at_edge.landmarks, axis=1).mean() < 0.2 * eyes
    window = Alignment().window
    told = {warning.code for warning in warnings_for(at_edge, 1, scene.size, window)}
    assert (Flag.CUT_OFF in told) == (outside > CUT_OFF)


def test_a_portrait_pays_little_for_its_edges(detector: FaceDetector) -> None:
    """A tenth more for the first network; the others see hardly a candidate more."""
    seen = dict.fromkeys(("PNet", "RNet", "ONet"), 0)

    def count(module: nn.Module, given: tuple[Any, ...]) -> None:
        if (name := type(module).__name__) in seen:
            pictures, _, height, width = given[0].shape
            seen[name] += pictures * (height * width if name == "PNet" else 1)

    scene, _ = compose([collins()], [Place(400, 300, 120)], background((800, 640), seed=1))
    with register_module_forward_pre_hook(count):
        Cascade().find(scene, SMALLEST)
        first_look = dict(seen)
        detector.detect([load(scene)])
    more = {name: seen[name] - 2 * alone for name, alone in first_look.items()}
    assert 0 < more["PNet"] < 0.1 * first_look["PNet"]
    assert more["RNet"] <= 2 and more["ONet"] <= 2


# ---- many photos, many threads


def test_several_photos_equal_each_alone(detector: FaceDetector) -> None:
    photos = [load(portrait()), load(Image.new("RGB", (70, 90))),
              load(portrait().rotate(90)), load(portrait().resize((200, 200)))]  # fmt: skip
    together = detector.detect(photos)
    assert [len(faces) for faces in together] == [1, 0, 1, 1]
    for photo, faces in zip(photos, together, strict=True):
        for face, alone in zip(faces, detector.detect([photo])[0], strict=True):
            assert np.allclose(face.box, alone.box, atol=1e-2)
            assert apart(face.crop, alone.crop) < 1
    assert detector.detect([]) == []


def test_threads_share_a_detector(detector: FaceDetector) -> None:
    photos = [load(portrait()), load(portrait().rotate(90)), load(portrait().resize((150, 220)))]
    expected = [one(detector, photo).box for photo in photos]
    wrong: list[int] = []

    def work(start: int) -> None:
        for i in (start % 3, (start + 1) % 3):
            if not np.allclose(one(detector, photos[i]).box, expected[i], atol=1e-2):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- photos of real people


def lfw(folder: Path, step: int, start: int = 0) -> list[Image.Image]:
    with zipfile.ZipFile(folder / "lfw.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][start::step]
        return [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]


def test_a_face_that_lies_badly_among_the_pixels(detector: FaceDetector, faces_data: Path) -> None:
    """The first look scores it too low to be taken for a face; one with a border does not."""
    with zipfile.ZipFile(faces_data / "lfw.zip") as archive:
        blob = archive.read("Marilyn_Monroe/Marilyn_Monroe_0001.jpg")
    assert not (Cascade().find(load(blob).at(1.0), SMALLEST).scores >= 0.9).any()
    assert len(detector.detect([load(blob)])[0]) == 1


def test_real_photos_turned_four_ways(detector: FaceDetector, faces_data: Path) -> None:
    wrong = []
    for i, picture in enumerate(lfw(faces_data, 1000, start=3)):
        for degrees in (0, 90, 180, 270):
            faces = detector.detect([load(picture.rotate(degrees))])[0]
            if not faces or faces[0].turned != degrees:
                wrong.append((i, degrees))
    assert not wrong


def test_real_group_photos(detector: FaceDetector, faces_data: Path) -> None:
    portraits = lfw_portraits(faces_data / "lfw.zip", 24, step=300)
    for width in (40, 100):
        scene, truths = group(portraits, width, background(seed=width))
        faces = detector.detect([load(encoded(scene, "JPEG", quality=90))], more=True)[0]
        missed = [t.name for t in truths if not any(found(t, face.box) for face in faces)]
        assert not missed
        for t in truths:
            assert sum(found(t, face.box) for face in faces) == 1  # none twice


@pytest.mark.parametrize(
    ("turned", "upright", "expected"),
    [(0.99, 0.0, True), (0.0, 0.0, False), (0.99, 0.98, False), (0.999, 0.98, True)],
)
def test_a_photo_lies_only_where_that_is_clearly_better(
    turned: float, upright: float, expected: bool
) -> None:
    assert lies(turned, upright) == expected
