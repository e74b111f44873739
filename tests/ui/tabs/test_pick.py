"""The support set of a visit: no change of it is lost, whatever overlaps."""

import copy
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import FileData, ListFiles

from siamese.answers import Proposals
from tests import app_server, pictures
from ui import words
from ui.photo import Upload
from ui.server.fields import PhotosInput
from ui.tabs import pick
from ui.tabs.pick import PickTab
from ui.visit import Kept, Member, Problem, Shown, Support, gallery, look, person_of

PORTRAIT = Upload("portrait.png", pictures.encoded(pictures.portrait()))
BALANCED = (Kept(), "balanced", 50.0, "anybody")  # and "Why?" not asked


def photos(*names: str) -> list[Upload]:
    return [Upload(name, b"") for name in names]


def members(*names: str) -> list[Member]:
    # Far apart: nobody is like anybody else.
    rows = 50 * np.eye(app_server.verifier().embed([]).shape[1], dtype=np.float32)
    return [Member(person_of(n), Shown(n), rows[i]) for i, n in enumerate(names)]


class Visit:
    """A visitor of the tab. Photos are "read" when `go_on` is called, no network is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with gr.Blocks():
            self.tab = PickTab(app_server.verifier(), 5)
        self.support = copy.deepcopy(self.tab._support.value)
        self._reading = threading.Semaphore(0)
        self._read = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor()
        monkeypatch.setattr(pick, "new_members", self._new_members)
        monkeypatch.setattr(pick.gr, "Warning", lambda _: None)

    def _new_members(self, _: Any, uploads: Sequence[Upload]) -> Iterator[list[Member]]:
        self._reading.release()
        assert self._read.acquire(timeout=30)
        yield members(*(upload.name for upload in uploads))

    def add(self, *names: str) -> "Future[list[Any]]":
        """Begin to read photos."""
        given = (photos(*names), self.support, lambda *_, **__: None)
        begun = self._pool.submit(self.tab._add, *given)
        assert self._reading.acquire(timeout=30)
        return begun

    def go_on(self, *begun: "Future[list[Any]]") -> None:
        """Let what was begun be read."""
        self._read.release(len(begun))
        for event in begun:
            assert event.result(30)[0] is self.support

    def press(self, name: str, **data: str) -> list[Any]:
        """Press a button of a photo, by the photo's name."""
        key = next(k for k, m in self.support.members.items() if m.shown.name == name)
        event: Any = SimpleNamespace(_data={**data, "member": key})
        return self.tab._act(event, None, self.support, *BALANCED)

    @property
    def people(self) -> list[str]:
        return [member.person for member in self.support.members.values()]


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Visit:
    found = Visit(monkeypatch)
    found.go_on(found.add("anna.jpg", "carl.jpg"))
    return found


def test_photos_that_are_read_at_the_same_time_are_all_kept(visit: Visit) -> None:
    visit.go_on(visit.add("x.jpg"), visit.add("y.jpg", "z.jpg"))
    assert sorted(visit.people) == ["anna", "carl", "x", "y", "z"]


def test_what_happens_while_photos_are_read_stays(visit: Visit) -> None:
    begun = visit.add("x.jpg")
    visit.press("anna.jpg", do="remove")
    visit.press("carl.jpg", do="rename", value=" Karl ")
    visit.go_on(begun)
    assert visit.people == ["Karl", "x"]


def test_photos_that_were_taken_before_are_not_asked_for_again(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first.jpg", "second.jpg")]
    given = [FileData(path=str(path), orig_name=path.name) for path in paths]
    field = PhotosInput(file_count="multiple")
    for path in paths:
        path.write_bytes(b"a photo")
        found = field.preprocess(ListFiles(root=given))
        assert [upload.name for upload in found] == [path.name]


def test_no_more_photos_than_may_be_compared(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pick, "MAX_SUPPORT", 4)
    visit.go_on(visit.add("x.jpg", "y.jpg", "z.jpg"), visit.add("v.jpg", "w.jpg"))
    assert len(visit.people) == 4


def test_the_list_is_sent_when_photos_came_or_went(visit: Visit) -> None:
    def listed() -> list[Any]:
        return visit.tab._settle_all(None, visit.support, *BALANCED)[:2]

    assert "anna.jpg" in listed()[1]
    assert listed() == [gr.skip(), gr.skip()]
    mark = visit.support._list
    same = visit.press("anna.jpg", do="rename", value="Anna", list=mark)
    assert same[1:3] == [gr.skip(), gr.skip()]
    # The page got another list after the name had been typed, which shows the old one.
    late = visit.press("anna.jpg", do="rename", value="Anne", list="an older list")
    assert "Anne" in late[2]
    assert "anna.jpg" not in visit.press("anna.jpg", do="remove")[2]


def test_every_change_is_given_back_so_that_it_is_kept_longer(visit: Visit) -> None:
    assert visit.press("carl.jpg", do="rename", value="Karl")[0] is visit.support


def test_each_visit_has_photos_of_its_own(visit: Visit) -> None:
    other = copy.deepcopy(visit.tab._support.value)
    assert other is not visit.support and not other.members


def test_a_button_of_a_photo_that_is_gone_changes_nothing() -> None:
    support = Support()
    assert support.add(app_server.verifier(), members("anna.jpg", "carl.jpg"), 9)
    first, second = support.members
    support.remove(first)
    support.remove(first)
    support.rename(first, "nobody", "")
    support.rename(second, "", "")
    assert [member.person for member in support.members.values()] == ["carl"]


def test_photos_that_are_not_used_are_counted(visit: Visit) -> None:
    def answer(query: Shown | None) -> str:
        return visit.tab._settle(query, visit.support, *BALANCED)

    broken = [Member("?", Shown("a.txt", problem=Problem("unreadable_image", "no")))]
    portrait = look(app_server.verifier(), PORTRAIT)
    assert "not used" not in answer(portrait) + answer(None)
    visit.support.add(app_server.verifier(), broken, 9)
    for query in (None, Shown("wall.jpg"), portrait):
        assert "1 of the 3 photos of people was not used" in answer(query)
    assert '<section class="answer' in answer(portrait)
    visit.support.add(app_server.verifier(), broken, 9)
    assert "2 of the 4 photos of people were not used" in answer(portrait)
    for key in list(visit.support.members)[:2]:
        visit.support.remove(key)
    assert "No photo of people could be used" in answer(portrait)
    assert words.WAITING_PEOPLE not in answer(portrait)


def test_photos_of_the_same_name_are_one_person() -> None:
    support = Support()
    broken = Member("anna b", Shown("letter.txt", problem=Problem("unreadable_image", "no")))
    support.add(app_server.verifier(), [*members("anna_b.jpg", "carl.png", "x"), broken], 9)
    support.rename(list(support.members)[2], "anna b", "")
    people = gallery(support.members.values(), "weights")
    assert {name: len(rows) for name, rows in people.photos.items()} == {"anna b": 2, "carl": 1}


def test_files_of_one_name_that_show_others_are_people_of_their_own_until_named_alike(
    visit: Visit,
) -> None:
    """Phones call every photo image.jpg."""
    visit.go_on(visit.add("image.jpg", "image.png"))
    visit.go_on(visit.add("image.jpg"))
    assert visit.people[2:] == ["image", "image 2", "image"], "the third shows whom the first shows"
    visit.press("image.png", do="rename", value="image")
    assert visit.people[2:] == ["image", "image", "image"]


def test_people_are_joined_and_parted_with_one_press(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the network proposes; names that have changed since, or were made up, do nothing."""
    visit.go_on(visit.add("image.jpg", "bo.jpg"))
    verifier = app_server.verifier()

    def press(do: str, value: str) -> list[str]:
        event: Any = SimpleNamespace(_data={"do": do, "value": value})
        assert visit.tab._try(event, None, visit.support, *BALANCED)[-3] is visit.support
        return visit.people

    proposed = Proposals((("carl", "image"),), {})
    monkeypatch.setattr(verifier, "proposals", lambda _: proposed)
    assert press("merge", "nobody") == ["anna", "carl", "image", "bo"]
    assert press("merge", "carl") == ["anna", "carl", "carl", "bo"]
    proposed = Proposals((), {"carl": ((0,), (1,))})
    assert press("part", "anna") == ["anna", "carl", "carl", "bo"]
    assert press("part", "carl") == ["anna", "carl", "carl 2", "bo"]
