"""Visits that are cleared, left, or only cut off for a moment."""

import gc
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio.context import LocalContext

from tests import coroutines
from ui.server import forgetting
from ui.server.store import Store


def test_only_what_the_same_visit_asked_for_before_is_given_up() -> None:
    events: Any = {
        name: type("Event", (), {"session_hash": visit})()
        for name, visit in (("photo", "mine"), ("clear", "mine"), ("other", "theirs"))
    }
    queue = SimpleNamespace(event_ids_to_events=events)
    holder = SimpleNamespace(session_data={"mine": 1, "theirs": 2}, time_last_used={})
    app: Any = SimpleNamespace(
        get_blocks=lambda: SimpleNamespace(_queue=queue), state_holder=holder
    )
    token = LocalContext.event_id.set("clear")
    try:
        forgetting.clear(app, "mine")
        assert not forgetting.given_up()
    finally:
        LocalContext.event_id.reset(token)
    assert not forgetting.given_up()
    assert [name for name in events if forgetting.given_up(name)] == ["photo"]
    assert list(holder.session_data) == ["theirs"]
    events.clear()
    gc.collect()
    assert not forgetting.given_up("photo")


@pytest.mark.parametrize(
    ("cut_off", "used_again", "stays"),
    [(5, False, True), (59, False, True), (61, False, False), (61, True, True), (900, True, True)],
)
def test_a_lost_connection_is_not_a_visitor_who_left(
    cut_off: int, used_again: bool, stays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 5 seconds without a network, the photos and the answer were gone."""
    since = datetime.now() - timedelta(seconds=cut_off)
    monkeypatch.setattr(forgetting, "_left", {"visit": since})
    used = since + timedelta(seconds=min(4, cut_off) if used_again else 0.2)
    holder = SimpleNamespace(session_data={"visit": 1}, time_last_used={"visit": used})
    app: Any = SimpleNamespace(
        get_blocks=lambda: SimpleNamespace(temp_file_sets=[]), state_holder=holder
    )
    coroutines.run(forgetting.sweep(app, Store(tmp_path), seconds=3600))
    assert ("visit" in holder.session_data) == stays
    assert ("visit" in forgetting._left) == (stays and not used_again)
