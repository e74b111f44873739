"""A visit that is cleared: what it asked for before shows nothing."""

import gc
from types import SimpleNamespace
from typing import Any

from gradio.context import LocalContext

from ui.server import forgetting


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
