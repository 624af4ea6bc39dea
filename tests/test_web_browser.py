"""The site in a real browser: Chromium, driven by Playwright, against a real server.

axe-core, which judges accessibility, is not a Python package: ``eval "$(.ci/browser)"`` fetches it
and names it in ``GENERIFY_TEST_AXE``. What is missing skips.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from web_site import RunningSite, running_site

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
)
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("chromium is not installed; .ci/browser installs it", allow_module_level=True)

expect = sync_api.expect
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    "--autoplay-policy=no-user-gesture-required",
)
PATHS = ("/", "/western", "/indian", "/history", "/models", "/about", "/docs")
PATIENCE = 30_000  # ms; for a busy machine, where nothing is wrong it takes a second
_MEANT_STATUS = re.compile(r"status of (4\d\d|502)")

Visit = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    limits = {"max_upload_bytes": 20_000_000, "max_seconds": 600.0}
    with running_site(tmp_path_factory.mktemp("site"), **limits) as site:
        yield site


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, served: RunningSite) -> Visit:
    """Open a page as a new visitor; complaints of the browser's console fail the test."""

    @contextmanager
    def visit(path: str, **options: Any) -> Iterator[Any]:
        context = chromium.new_context(base_url=served.url, **options)
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_bad(said) else None)
        try:
            page.goto(path)
            yield page
        finally:
            context.close()
        assert not complaints

    return visit


def _is_bad(said: Any) -> bool:
    return said.type in ("error", "warning") and not _MEANT_STATUS.search(said.text)


def noise(seconds: float) -> bytes:
    """A short file that is quickly heard: noise, which is no music."""
    samples = 0.2 * np.random.default_rng(5).standard_normal(round(seconds * 22050))
    content = io.BytesIO()
    soundfile.write(content, samples, 22050, format="WAV")
    return content.getvalue()


def upload(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "audio/wav", "buffer": content}


def choose(page: Any, *songs: Path | dict[str, Any]) -> None:
    files = [upload(s.name, s.read_bytes()) if isinstance(s, Path) else s for s in songs]
    page.locator("input[type=file]").set_input_files(files)


def done(page: Any, count: int, *, failed: int = 0) -> None:
    """Wait until so many songs of the queue have ended."""
    told = f"{count} of {count + failed} song{'s' if count + failed > 1 else ''} done"
    expect(page.locator("[data-count]")).to_have_text(told + (f", {failed} failed" * bool(failed)))


def drop(page: Any, path: Path) -> None:
    """Let a file fall onto the page, as a hand with a mouse would."""
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    transfer = page.evaluate_handle(
        """([name, content]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, {type: "audio/mpeg"}));
            return transfer;
        }""",
        [path.name, content],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(".drop", event, {"dataTransfer": transfer})


def bar_shapes(page: Any) -> list[str]:
    shapes: list[str] = page.locator(".answer .bars rect").evaluate_all(
        "bars => bars.map(bar => bar.style.transform)"
    )
    return shapes


def audio(page: Any, name: str) -> Any:
    return page.locator("audio").evaluate(f"player => player.{name}")


def wait_for(page: Any, condition: Callable[[], bool]) -> None:
    """Ask again and again; the page itself may not evaluate texts as scripts."""
    for _ in range(PATIENCE // 50):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not happen")


def test_drop_a_song_and_play_a_moment(visit: Visit) -> None:
    with visit("/western") as page:
        drop(page, EXAMPLES / "intro.mp3")
        answer = page.locator(".answer")
        expect(answer.locator("h2.genre")).to_have_text("Classical")
        expect(answer.locator(".sure")).to_contain_text(re.compile(r"\d+ % sure"))
        expect(answer.locator(".genres li")).to_have_count(10)
        expect(answer.locator(".styles li")).to_have_count(5)
        expect(page.locator("[data-said]")).to_contain_text("intro.mp3: Classical")
        spectrogram = answer.locator("img.mel")
        wait_for(page, lambda: spectrogram.evaluate("image => image.complete"))
        assert spectrogram.evaluate("image => image.naturalHeight") == 96

        timeline = answer.get_by_role("slider", name="Moment of the song")
        box = timeline.bounding_box()
        page.locator("audio").evaluate("player => { player.loop = true; }")
        timeline.click(position={"x": box["width"] * 0.6, "y": 20})
        wait_for(page, lambda: audio(page, "currentTime") > 0.6 * 25 + 0.2)
        assert audio(page, "paused") is False
        assert re.match(r"0:\d\d, Classical", timeline.get_attribute("aria-valuetext"))
        answer.locator(".bars").scroll_into_view_if_needed()  # out of sight they keep still
        wait_for(page, lambda: any(bar_shapes(page)))
        first = bar_shapes(page)
        wait_for(page, lambda: bar_shapes(page) != first)
        page.locator("audio").evaluate("player => player.pause()")
        wait_for(page, lambda: not any(bar_shapes(page)))


def test_bars_keep_still_where_motion_is_unwanted(visit: Visit) -> None:
    with visit("/western", reduced_motion="reduce") as page:
        choose(page, EXAMPLES / "upbeat.m4a")
        expect(page.locator(".answer")).to_be_visible()
        page.locator(".timeline").click()
        wait_for(page, lambda: audio(page, "currentTime") > 0.3)
        assert not any(bar_shapes(page))


def test_the_waveform_has_the_colour_of_the_genre(visit: Visit) -> None:
    with visit("/western") as page:
        choose(page, EXAMPLES / "war_of_freedom.mp3")
        expect(page.locator("h2.genre")).to_have_text("Metal")
        pixels = page.locator("canvas.wave").evaluate(
            """canvas => [...canvas.getContext("2d")
                .getImageData(0, canvas.height / 2, canvas.width, 1).data]"""
        )
        rows = np.array(pixels).reshape(-1, 4)
        drawn = {tuple(row[:3].tolist()) for row in rows if row[3] == 255}
        assert drawn == {(0x4B, 0xB8, 0xFF)}  # metal, on the black ground of the stage


def test_record_with_the_microphone(visit: Visit) -> None:
    with visit("/western") as page:
        expect(page.get_by_text("for 15 to 30 seconds")).to_be_visible()
        expect(page.get_by_text("only to pages from localhost or over HTTPS")).to_be_hidden()
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_role("button", name="Stop and ask")).to_be_focused()
        expect(page.locator("[data-clock]")).to_have_text("0:03")
        page.get_by_role("button", name="Stop and ask").click()
        row = page.locator(".queue li")
        expect(row.locator(".name")).to_have_text(re.compile(r"^recording [\d-]+\.webm$"))
        done(page, 1)
        # The fake microphone beeps, which is no music.
        expect(row.locator(".state")).to_have_text(re.compile(r"Unknown|\d+ % sure"))
        expect(page.locator(".answer")).to_be_visible()
        page.locator(".timeline").click()
        wait_for(page, lambda: audio(page, "currentTime") > 0.1)


def test_where_there_is_no_microphone(visit: Visit) -> None:
    with visit("/western") as page:
        page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
        page.reload()
        expect(page.get_by_text("only to pages from localhost or over HTTPS")).to_be_visible()
        expect(page.get_by_role("button", name="Record")).to_be_disabled()


def test_a_recording_can_be_cancelled(visit: Visit) -> None:
    with visit("/western") as page:
        page.get_by_role("button", name="Record").click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("button", name="Record")).to_be_focused()
        expect(page.locator(".queue li")).to_have_count(0)


def test_a_queue_of_five(visit: Visit) -> None:
    with visit("/indian") as page:
        evil = "<img src=x onerror=alert(1)>.wav"
        songs = [upload(f"noise {n}.wav", noise(2 + n)) for n in range(3)]
        choose(page, *songs, upload(evil, noise(2)), upload("text.mp3", b"no song" * 99))
        expect(page.locator(".queue li")).to_have_count(5)
        done(page, 4, failed=1)
        expect(page.locator(".queue .state.bad")).to_have_count(1)
        expect(page.locator(".queue .state.bad")).to_contain_text(
            re.compile("^Is a text, no audio – give a song$")
        )
        assert page.locator(".queue .name").all_inner_texts()[3] == evil
        assert page.locator(".queue img").count() == 0

        page.get_by_role("button", name=f"Show {evil}").click()
        expect(page.locator(".answer .name")).to_have_text(evil)
        expect(page.locator(".answer")).to_be_focused()
        expect(page.locator(".unknown")).to_be_visible()
        expect(page.locator(".unknown")).to_contain_text("like noise")
        page.get_by_role("button", name="Try again: text.mp3").click()
        expect(page.locator(".queue .state.bad")).to_have_count(1)
        page.get_by_role("button", name="Remove text.mp3").click()
        expect(page.locator(".queue li")).to_have_count(4)
        page.get_by_role("button", name="Clear the list").click()
        expect(page.locator(".queue li")).to_have_count(0)
        expect(page.locator(".answer")).to_have_count(0)


def test_the_first_of_the_list_is_opened(visit: Visit) -> None:
    with visit("/western") as page:
        # The text has nothing to show; the third is heard while the second is held back.
        asked: list[Any] = []

        def hold_the_second(route: Any) -> None:
            asked.append(route)
            if len(asked) != 2:
                route.continue_()

        page.route("**/api/v1/predictions", hold_the_second)
        choose(
            page,
            upload("text.mp3", b"no song" * 99),
            upload("slow.wav", noise(2)),
            upload("quick.wav", noise(3)),
        )
        expect(page.get_by_role("button", name="Show quick.wav")).to_be_visible()
        expect(page.locator(".answer")).to_have_count(0)
        asked[1].continue_()
        done(page, 2, failed=1)
        expect(page.locator(".answer .name")).to_have_text("slow.wav")


def test_a_song_that_is_waited_for_can_be_removed(visit: Visit) -> None:
    with visit("/western") as page:
        asked: list[Any] = []

        def hold_the_first(route: Any) -> None:
            asked.append(route)
            if len(asked) > 1:
                route.continue_()

        page.route("**/api/v1/predictions", hold_the_first)
        names = ("slow.wav", "quick.wav", "third.wav")
        choose(page, *(upload(name, noise(2)) for name in names))
        expect(page.get_by_role("button", name="Show third.wav")).to_be_visible()
        expect(page.locator(".answer")).to_have_count(0)
        page.get_by_role("button", name="Remove slow.wav").click()
        expect(page.locator(".answer .name")).to_have_text("quick.wav")
        page.get_by_role("button", name="Remove quick.wav").click()
        expect(page.locator(".answer .name")).to_have_text("third.wav")

        choose(page, upload("fourth.wav", noise(2)))
        done(page, 2)
        page.evaluate(
            """() => {
                window.opened = [];
                const seen = (changes) => changes.forEach(({addedNodes}) => addedNodes.forEach(
                    (added) => window.opened.push(added.querySelector(".name").textContent)));
                new MutationObserver(seen).observe(
                    document.querySelector("[data-answer]"), {childList: true});
            }"""
        )
        page.get_by_role("button", name="Clear the list").click()
        expect(page.locator(".answer")).to_have_count(0)
        assert page.evaluate("window.opened") == []


def test_what_is_wrong_with_a_song_is_told_in_its_row(visit: Visit) -> None:
    content = io.BytesIO()
    samples = 0.2 * np.random.default_rng(5).standard_normal(20 * 22050)
    soundfile.write(content, samples, 22050, format="OGG")
    song = content.getvalue()
    with visit("/western") as page:
        choose(page, upload("cut.ogg", song[: len(song) // 2]), upload("head.ogg", song[:3000]))
        done(page, 1, failed=1)
        cut, head = page.locator(".queue .state").all()
        expect(cut).to_have_text("Unknown, with a warning")
        expect(page.locator(".warnings li")).to_have_text(re.compile("^Its end is missing"))
        expect(head).to_have_text(
            "Looks like OGG but cannot be decoded – "
            "the file is damaged or cut short; get it again or convert it to WAV"
        )


def test_why_a_song_is_unknown(visit: Visit) -> None:
    """A warning is no reason, wherever it stands, and a reason needs no certain words."""
    genres = [{"genre": "blues", "probability": 0.3}, {"genre": "rock", "probability": 0.2}]
    unknown = {"model": "western", "genre": None, "unknown": True, "confidence": 0.3}
    unknown |= {"genres": genres, "styles": [], "links": {}, "duration": 2.0}

    def answer(page: Any, **more: Any) -> None:
        page.unroute("**/api/v1/predictions")
        path = "**/api/v1/predictions"
        page.route(path, lambda route: route.fulfill(json={"path": "a.wav", **unknown, **more}))
        choose(page, upload("a.wav", b"content"))
        done(page, 1)

    with visit("/western") as page:
        answer(page, warnings=["it is cut off"], doubt="")
        expect(page.locator(".unknown .why")).to_contain_text("not sure enough")
        expect(page.locator(".warnings li")).to_have_text(["It is cut off"])
        page.get_by_role("button", name="Clear the list").click()
        answer(page, warnings=["it is cut off", "so it is"], doubt="it is all noise")
        expect(page.locator(".unknown .why")).to_have_text("It is all noise.")
        expect(page.locator(".warnings li")).to_have_text(["It is cut off"])


def test_an_unknown_song_has_neither_shares_nor_colours(visit: Visit) -> None:
    with visit("/western") as page:
        choose(page, upload("wind.wav", noise(9)))
        done(page, 1)
        expect(page.locator(".answer .sure")).to_have_text(re.compile(r"^Nearest: [A-Z]\w+"))
        expect(page.locator(".unknown .why")).to_have_text("It sounds like noise, not like music.")
        expect(page.locator(".genres")).to_be_hidden()
        expect(page.locator(".legend")).to_be_hidden()
        expect(page.locator(".readout")).to_have_text(re.compile(r"^0:00, nearest [A-Z]\w+$"))
        page.locator(".moments summary").click()
        assert "%" not in page.locator(".moments").inner_text()
        pixels = page.locator("canvas.wave").evaluate(
            """canvas => [...canvas.getContext("2d")
                .getImageData(0, canvas.height / 2, canvas.width, 1).data]"""
        )
        rows = np.array(pixels).reshape(-1, 4)
        assert {tuple(row[:3].tolist()) for row in rows if row[3] == 255} == {(0x77, 0x75, 0x7F)}


def test_a_phone_shows_where_a_table_goes_on(visit: Visit) -> None:
    with visit("/models", viewport={"width": 390, "height": 844}) as page:
        tables = page.locator(".page-table")
        expect(tables.first).to_be_visible()
        cut = "box => box.scrollWidth - box.clientWidth > 4"
        for table in tables.all():
            assert not table.evaluate(cut)
        table = tables.first
        table.evaluate("box => { box.style.width = '150px'; }")
        expect(table).to_have_class(re.compile("goes-on"))
        table.evaluate("box => { box.scrollLeft = 1000; }")
        expect(table).not_to_have_class(re.compile("goes-on"))


def test_a_phone_shows_where_the_table_of_an_answer_goes_on(visit: Visit) -> None:
    with visit("/western", viewport={"width": 390, "height": 844}) as page:
        choose(page, EXAMPLES / "intro.mp3")
        page.locator(".moments summary").click()
        table = page.locator(".answer .page-table")
        table.evaluate("box => { box.style.width = '150px'; }")
        expect(table).to_have_class(re.compile("goes-on"))
        table.evaluate("box => { box.scrollLeft = 1000; }")
        expect(table).not_to_have_class(re.compile("goes-on"))


def test_history_is_searched_and_exported(visit: Visit) -> None:
    with visit("/") as page:
        expect(page.get_by_text("No song yet.")).to_be_visible()
        choose(page, EXAMPLES / "intro.mp3", upload("Rain & <b>wind.wav", noise(3)))
        done(page, 2)
        expect(page.locator(".last-songs .name")).to_have_count(2)
        page.get_by_role("link", name="Rain & <b>wind.wav").click()
        expect(page.locator("tbody .open")).to_have_text(["Rain & <b>wind.wav"])

        page.goto("/history")
        names = page.locator("tbody .open")
        status = page.locator("[data-said]")
        expect(status).to_have_text("2 songs.")
        expect(page.locator("[data-charts] svg")).to_have_attribute(
            "aria-label", re.compile(r"^Western: .*Classical 1")
        )
        page.get_by_label("Name", exact=True).fill("b>WIND")
        expect(status).to_have_text("1 song.")
        expect(names).to_have_text(["Rain & <b>wind.wav"])
        page.get_by_label("Name", exact=True).fill("' OR 1=1 --")
        expect(page.get_by_text("No song was found like this.")).to_be_visible()
        page.get_by_label("Name", exact=True).fill("")
        page.get_by_label("Genre", exact=True).select_option(label="Classical")
        expect(names).to_have_text(["intro.mp3"])
        page.reload()
        expect(names).to_have_text(["intro.mp3"])
        page.get_by_label("Genre", exact=True).select_option("unknown")
        expect(names).to_have_text(["Rain & <b>wind.wav"])
        with page.expect_download() as caught:
            page.get_by_role("link", name="Export CSV").click()
        table = caught.value.path().read_text(encoding="utf-8")
        assert "wind" in table
        assert "intro.mp3" not in table


def test_the_ways_on_from_a_missing_page_stand_in_a_row(visit: Visit) -> None:
    with visit("/nowhere", viewport={"width": 1200, "height": 800}) as page:
        buttons = page.locator("main .button")
        expect(buttons).to_have_count(4)
        assert len({button.bounding_box()["y"] for button in buttons.all()}) == 1


def test_history_counts_songs_and_answers(visit: Visit) -> None:
    with visit("/western") as page:
        choose(page, upload("wind.wav", noise(3)), upload("rain.wav", noise(4)))
        done(page, 2)
        page.goto("/indian")
        choose(page, upload("wind.wav", noise(3)))
        done(page, 1)
        page.goto("/history")
        expect(page.locator("[data-said]")).to_have_text("2 songs, 3 answers.")
        captions = page.locator("[data-charts] figcaption")
        expect(captions).to_have_text(["Indian: 1 answer", "Western: 2 answers"])
        page.set_viewport_size({"width": 60, "height": 700})  # no room for a chart, no complaint
        expect(page.locator("[data-charts] svg").first).to_have_attribute("width", "172")


def test_history_shows_and_deletes(visit: Visit) -> None:
    with visit("/") as page:
        choose(page, EXAMPLES / "intro.mp3", upload("wind.wav", noise(3)))
        done(page, 2)
        page.goto("/history")
        names = page.locator("tbody .open")
        status = page.locator("[data-said]")
        page.get_by_role("button", name="intro.mp3", exact=True).click()
        expect(page.locator("dialog h2.genre")).to_have_text("Classical")
        expect(page.locator("dialog .timeline")).to_be_visible()
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Delete intro.mp3").click()
        expect(status).to_have_text("intro.mp3 is deleted. 1 song.")
        page.get_by_role("button", name="Delete all").click()
        page.get_by_role("button", name="Keep it").click()
        expect(names).to_have_count(1)
        page.get_by_role("button", name="Delete all").click()
        page.locator("dialog").get_by_role("button", name="Delete all").click()
        expect(status).to_have_text("1 answer deleted.")
        expect(names).to_have_count(0)


def test_visitors_do_not_see_each_other(visit: Visit) -> None:
    with visit("/western") as page:
        choose(page, upload("mine.wav", noise(2)))
        done(page, 1)
    with visit("/history") as page:
        expect(page.locator("[data-said]")).to_have_text("0 songs.")


def ground(page: Any) -> str:
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


LIGHT, DARK = "rgb(246, 244, 238)", "rgb(13, 13, 17)"


def test_light_and_dark(visit: Visit) -> None:
    with visit("/", color_scheme="light") as page:
        switch = page.get_by_role("button", name="Dark colours")
        assert ground(page) == LIGHT
        expect(switch).to_have_attribute("aria-pressed", "false")
        switch.click()
        expect(switch).to_have_attribute("aria-pressed", "true")
        assert ground(page) == DARK
        page.goto("/about")
        assert ground(page) == DARK
    with visit("/", color_scheme="dark") as page:
        assert ground(page) == DARK
        page.get_by_role("button", name="Dark colours").click()
        assert ground(page) == LIGHT


def test_a_phone_is_wide_enough(visit: Visit) -> None:
    with visit("/western", viewport={"width": 360, "height": 740}) as page:
        choose(page, upload("a_name_without_any_space_" * 6 + ".wav", noise(2)))
        done(page, 1)
        expect(page.locator(".answer")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for path in PATHS:
            page.goto(path)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never comes to {selector}")


def test_keyboard_only(visit: Visit) -> None:
    with visit("/") as page:
        choosers: list[Any] = []
        page.on("filechooser", lambda chooser: choosers.append(chooser))
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        tab_to(page, "input[name=model]")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_label("Indian")).to_be_checked()
        page.keyboard.press("ArrowLeft")
        tab_to(page, "[data-choose]")
        page.keyboard.press("Enter")
        wait_for(page, lambda: bool(choosers))
        choosers[0].set_files([EXAMPLES / "intro.mp3"])
        done(page, 1)
        tab_to(page, ".show")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Enter")
        tab_to(page, ".timeline")
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
            page.keyboard.press(key)
        timeline = page.locator(".timeline")
        expect(timeline).to_have_attribute("aria-valuenow", "3.0")
        page.keyboard.press("Space")
        wait_for(page, lambda: audio(page, "currentTime") > 3.2)
        page.keyboard.press("Space")
        wait_for(page, lambda: audio(page, "paused"))
        page.keyboard.press("End")
        wait_for(page, lambda: float(timeline.get_attribute("aria-valuenow")) > 24.9)
        tab_to(page, ".moments summary")
        page.keyboard.press("Enter")
        tab_to(page, ".moments tbody button")
        page.keyboard.press("Enter")
        wait_for(page, lambda: not audio(page, "paused"))


def test_without_scripts_the_form_still_asks(visit: Visit) -> None:
    with visit("/western", java_script_enabled=False) as page:
        choose(page, upload("plain.wav", noise(2)))
        with page.expect_response("**/api/v1/predictions") as caught:
            page.get_by_role("button", name="Name its genre").click()
        assert caught.value.status == 201
        assert caught.value.json()["path"] == "plain.wav"


def test_a_busy_server_is_asked_again(visit: Visit) -> None:
    with visit("/western") as page:
        refusals = iter([True])

        def refuse_once(route: Any) -> None:
            if next(refusals, False):
                headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
                route.fulfill(status=429, headers=headers, body='{"detail": "busy"}')
            else:
                route.continue_()

        page.route("**/api/v1/predictions", refuse_once)
        choose(page, upload("patient.wav", noise(2)))
        expect(page.locator(".queue .state")).to_contain_text("trying again in 1 s")
        done(page, 1)
        expect(page.locator(".queue .state")).to_have_text("Unknown")


def test_an_unreachable_server_is_named(visit: Visit) -> None:
    with visit("/western") as page:
        page.route("**/api/v1/predictions", lambda route: route.fulfill(status=502, body="<html>"))
        choose(page, upload("lost.wav", noise(2)))
        expect(page.locator(".queue .state.bad")).to_contain_text("error 502")


@pytest.fixture(scope="module")
def axe() -> str:
    path = os.environ.get("GENERIFY_TEST_AXE")
    if not path:
        pytest.skip('GENERIFY_TEST_AXE names no axe.min.js; eval "$(.ci/browser)" fetches it')
    return Path(path).read_text(encoding="utf-8")


def faults(page: Any, axe: str) -> list[str]:
    page.wait_for_load_state("networkidle")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(visit: Visit, axe: str, scheme: str) -> None:
    calm = {"color_scheme": scheme, "reduced_motion": "reduce"}
    with visit("/western", **calm) as page:
        choose(page, upload("noise.wav", noise(9)), upload("text.mp3", b"no song" * 99))
        done(page, 1, failed=1)
        page.locator(".moments summary").click()
        assert faults(page, axe) == []
        for path in (*PATHS, "/nowhere"):
            page.goto(path)
            assert faults(page, axe) == [], path
        page.goto("/history")
        page.get_by_role("button", name="noise.wav", exact=True).click()
        expect(page.locator("dialog .answer")).to_be_visible()
        assert faults(page, axe) == []
