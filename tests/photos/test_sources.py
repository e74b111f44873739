"""What somebody gives instead of a photo is named, in one sentence; data URLs are photos."""

import base64
import io
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from siamese.errors import ImageError
from siamese.photos import DecoderProcess, file_name, load
from tests.pictures import encoded, portrait

ARRAY = np.asarray(portrait().resize((20, 20)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "is None; please give a path, bytes, an open file, a PIL picture or an array."),
        ("", "is an empty text"),
        ("https://example.org/a.jpg", "is a web address; please download the photo"),
        (Path("http://example.org/a.jpg"), "is a web address"),
        ("data:image/png;base64,!!!", "is a broken data URL"),
        ("data:text/plain,hello", "is a broken data URL"),
        ("data:", "is a broken data URL"),
        (["a.jpg"], "is an object of type list"),
        (7, "is an object of type int"),
        (torch.zeros(3, 20, 20), r"is a tensor of shape \(3, 20, 20\), not an array of NumPy"),
        (ARRAY / np.float32(1), r"is an array of floats from [\d.]+ to [\d.]+; .* 0 to 1"),
        (ARRAY / 127.5 - 1, "is an array of floats from -"),
        (np.full((9, 9), np.nan), "numbers that are not finite"),
        (np.array([[0.5, np.inf]]), "numbers that are not finite"),
        (io.StringIO("text"), "was opened as text"),
        (io.BytesIO(b""), "is an empty file"),
    ],
)
def test_what_is_not_a_photo_is_named(given: Any, said: str) -> None:
    with pytest.raises(ImageError, match=rf"^The second photo.* {said}") as caught:
        load(given, role="second photo")
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_floats_may_overshoot_a_little_as_resized_ones_do() -> None:
    array = np.array([[-0.02, 0.5, 1.03]])
    assert np.asarray(load(array).at(1.0))[0, :, 0].tolist() == [0, 128, 255]


def test_an_open_file_that_was_read_is_not_called_empty() -> None:
    file = io.BytesIO(encoded(portrait().resize((20, 20))))
    assert load(file).size == (20, 20)
    with pytest.raises(ImageError, match="was read to its end before; please open it anew"):
        load(file)


@pytest.mark.parametrize("take", [load, DecoderProcess().load])
def test_a_data_url_is_a_photo_without_a_name(take: Any) -> None:
    content = encoded(portrait().resize((20, 30)))
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    photo = take(url, role="first photo")
    assert photo.size == (20, 30)
    assert photo.caption.label == "the first photo"
    assert file_name(url) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="is a pipe or a device; please save the photo as a file"):
        load(tmp_path / "a.jpg")


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="no numbered files here")
def test_a_pipe_of_the_shell_is_not_waited_for() -> None:
    """What `<(cat a.jpg)` is."""
    reader, writer = os.pipe()
    threading.Thread(target=os.close, args=(writer,)).start()
    with pytest.raises(ImageError, match="is a pipe or a device"):
        load(f"/dev/fd/{reader}")
    os.close(reader)
