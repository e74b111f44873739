"""The page and the API. Start it with `gradio app.py` or `python app.py`.

Host, port and the MCP server are switched by Gradio's own environment variables
(GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, GRADIO_MCP_SERVER=true); the network comes from
`--checkpoint` or SIAMESE_CHECKPOINT, by default from weights/. What is shown and how is in `ui/`;
what is measured is in `siamese/`.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

# Before Gradio, which reads its temporary folder and its switches from the environment.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# Nor does anybody read its record of the last 10,000 events and the visits they belong to.
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"
# Before torch: a thread a request, and a request a core. Threads that share one photo wait for each
# other in a loop, which on a busy machine takes fifty times as long as the work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
from ui.server import uploads, zero_gpu  # noqa: F401  # ZeroGPU's package wants to be first

UPLOADS = uploads.claim()

import gradio as gr  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402
from starlette.routing import Route  # noqa: E402

from siamese import SiameseError, Verifier, pretrained  # noqa: E402
from siamese.checkpoint import DRAWINGS  # noqa: E402
from siamese.photos import DecoderProcess, Load, load  # noqa: E402
from ui import words  # noqa: E402
from ui.api import english, errors, mcp, openapi, routes  # noqa: E402
from ui.html import about  # noqa: E402
from ui.html.model_card import model_card  # noqa: E402
from ui.languages import ENGLISH, LANGUAGES, speaking  # noqa: E402
from ui.server import economy, forgetting, guard  # noqa: E402
from ui.server.resuming import Resuming  # noqa: E402
from ui.server.speaking import Speaking  # noqa: E402
from ui.server.store import Store  # noqa: E402
from ui.tabs.components import Panel  # noqa: E402
from ui.tabs.drawings import AnyTab  # noqa: E402
from ui.tabs.options import POOL, POOL_SIZE  # noqa: E402
from ui.tabs.pick import PickTab  # noqa: E402
from ui.tabs.verify import VerifyTab  # noqa: E402

STORE = Store(UPLOADS)
MINUTES = 15  # that a visit's photos are remembered, in memory
MAX_FILE = "100mb"  # what the page says before it sends; see limits.MAX_FILE
HEAD = ("page_head.html", "network.html", "drawers.html", "mend.html")
MAX_WAITING = 100  # requests in the queue
MAX_VISITS = 500  # in memory; the one that was idle for longest is dropped


def build(verifier: Verifier, notice: str = "", drawings: Verifier | None = None) -> gr.Blocks:
    """The page in all languages and its two named endpoints, answering with this verifier.

    `drawings` compares drawn characters; by default the embedded checkpoint for these.
    `notice` is what visitors must know about the checkpoint, on top of the page.
    """
    drawings = drawings or Verifier(pretrained.load(DRAWINGS), verifier.load)
    translations = {}
    for code in LANGUAGES.keys() - {ENGLISH}:
        with speaking(code), economy.unserved():
            translations[code] = _page(verifier, notice, drawings, {})
    return economy.queued(_page(verifier, notice, drawings, translations), MAX_WAITING)


def _page(
    verifier: Verifier, notice: str, drawings: Verifier, translations: dict[str, gr.Blocks]
) -> gr.Blocks:
    """The page in the language that is spoken, with what it is in the others."""
    with errors.Page(
        title=words.TITLE, analytics_enabled=False, delete_cache=(60, 60 * MINUTES)
    ) as page:
        page.translations = translations
        head = Panel(about.header())
        if notice:
            gr.HTML(about.notice(notice), apply_default_css=False)
        with gr.Tabs():
            with gr.Tab(words.TAB_VERIFY, id="verify") as verify:
                verify_tab = VerifyTab(verifier, MINUTES)
            with gr.Tab(words.TAB_PICK, id="pick") as pick:
                pick_tab = PickTab(verifier, MINUTES)
            with gr.Tab(words.TAB_ANY, id="any") as anything:
                any_tab = AnyTab(drawings, MINUTES)
        clear = gr.Button(words.CLEAR, variant="secondary", size="sm", elem_classes="clear")
        gr.HTML(about.honesty(MINUTES), apply_default_css=False)
        _who_answers(verifier, words.RATES_HEAD, "faces")
        _who_answers(drawings, words.RATES_HEAD_CHARACTERS, "drawings")
        # The style sheet shows the one that answers in the tab.
        for tab, kind in ((verify, "faces"), (pick, "faces"), (anything, "drawings")):
            tab.select(None, js=f"() => {{ document.body.dataset.answers = '{kind}'; }}")

        def clear_photos(request: gr.Request) -> list[Any]:
            forgetting.clear(page.app, request.session_hash)
            gr.Info(words.CLEARED)
            return [*verify_tab.empty(), *pick_tab.empty(), *any_tab.empty()]

        def leave(request: gr.Request) -> None:
            forgetting.leave(request.session_hash)

        shown = [*verify_tab.outputs, *pick_tab.outputs, *any_tab.outputs]
        clear.click(clear_photos, None, shown, api_visibility="private")
        texts = page.texts(but=shown)
        changed = head.act(
            lambda: page.again(texts), None, [*texts], api_visibility="private", queue=True
        )
        for tab in (verify_tab, pick_tab, any_tab):
            changed = tab.say_again(changed)
        page.unload(leave)
        for tab in (verify_tab, pick_tab, any_tab):
            tab.settings.keep(page)
        routes.add(page, verifier, POOL, POOL_SIZE)
    return page


def _who_answers(verifier: Verifier, head: tuple[str, ...], kind: str) -> None:
    """Which network answers for this kind of picture, how often it errs, and its model card."""
    card = model_card(verifier.folder)
    card_id = f"model-card-{kind}"
    points = verifier.rule.operating_points
    with gr.Column(elem_classes=["who-answers", kind]):
        gr.HTML(
            about.measured(verifier.origin, points, head, card_id if card else None),
            apply_default_css=False,
        )
        if card:
            with gr.Accordion(
                words.MODEL_CARD, open=False, elem_id=card_id, elem_classes="model-card"
            ):
                gr.HTML(card, apply_default_css=False)


def launch_options() -> dict[str, Any]:
    """How the page is served: nothing kept, nothing fetched, nothing reported."""
    economy.install()
    if mcp.switched_on():
        mcp.install()
    folder = Path(__file__).parent / "ui" / "html"
    return {
        "app_kwargs": {
            "middleware": [
                Middleware(Speaking),
                Middleware(guard.Guard, store=STORE),
                Middleware(Resuming),
            ],
            "exception_handlers": errors.handlers(),
            "routes": [Route(openapi.PATH, openapi.answer)],
            "lifespan": forgetting.forgetting(STORE, seconds=60 * MINUTES),
        },
        "theme": gr.themes.Base(
            primary_hue="teal",
            neutral_hue="slate",
            radius_size="lg",
            font=["system-ui", "Segoe UI", "Roboto", "sans-serif"],
            font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
        ),
        "css_paths": [folder / "style.css"],
        "head_paths": [folder / name for name in HEAD],
        "max_file_size": MAX_FILE,
        "state_session_capacity": MAX_VISITS,
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
        "ssr_mode": False,
        "pwa": False,
        "footer_links": ["api"],
    }


def _start() -> gr.Blocks:
    """The page for the checkpoint that was asked for, or the embedded one with a notice."""
    parser = argparse.ArgumentParser(description="Serve the page and the API.")
    parser.add_argument(
        "--checkpoint", help="a folder, or owner/name@revision on the Hub; default: weights/"
    )
    parser.add_argument("--refresh", action="store_true", help="ask the Hub for a newer one")
    # Under `gradio app.py` the command line is Gradio's.
    options = parser.parse_args(None if __name__ == "__main__" else [])
    started = pretrained.start(options.checkpoint, options.refresh)
    note = started.problem or started.checkpoint.note
    return build(Verifier(started.checkpoint, _load()), note)


def _load() -> Load:
    """What takes visitors' photos in: a process for each, wherever the system can do that."""
    apart = DecoderProcess()
    try:
        apart.check()
    except (OSError, SiameseError) as error:
        print(english.NOT_APART.format(why=error), file=sys.stderr, flush=True)
        return load
    return apart.load


demo = _start()

if __name__ == "__main__":
    # `gradio app.py` runs this again, in a thread of its own, when a file has changed.
    if threading.current_thread() is threading.main_thread():
        # Ends as by Ctrl-C; else uploads that nobody read would stay until the next start.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    demo.launch(**launch_options())
