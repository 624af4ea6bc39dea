"""The site's pages as the server renders them: no browser is needed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from generify.model import ModelCard, load_model
from generify.web import pages
from generify.web.api import operations
from generify.web.problems import explain, problem
from generify.web.settings import Settings

STATIC = Path(pages.__file__).parent / "static"
PAGES = {
    "/": "Generify: what genre is this song?",
    "/western": "Western music – Generify",
    "/indian": "Indian music – Generify",
    "/history": "History – Generify",
    "/models": "Models – Generify",
    "/about": "How it works – Generify",
}
MAX_TRANSFER = 150_000  # bytes a page with all that it loads
SERVED_BY_THE_API = ("/api/", "/docs")


class _Reader(HTMLParser):
    """What a page holds: its tags with their attributes, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.script_texts: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        (self.script_texts if self._inside in ("script", "style") else self.texts).append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def all(self, attribute: str) -> list[str]:
        return [a[attribute] or "" for _, a in self.tags if attribute in a]


class _Catalogue:
    def __init__(self, *cards: ModelCard) -> None:
        self._cards = {card.name: card for card in cards}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._cards)

    def card(self, name: str) -> ModelCard:
        return self._cards[name]

    def figures(self, name: str) -> tuple[str, ...]:
        return ("confusion", "roc")


class Visitor:
    """Asks an application without a server between them."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def get(self, address: str) -> httpx.Response:
        return self.ask("GET", address)

    def ask(self, method: str, address: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
                return await client.request(method, address)

        return asyncio.run(ask())


def site(*cards: ModelCard, **settings: Any) -> Visitor:
    app = FastAPI()
    app.state.site = SimpleNamespace(settings=Settings(**settings), models=_Catalogue(*cards))
    pages.add_pages(app)
    return Visitor(app)


@pytest.fixture(scope="module")
def cards() -> tuple[ModelCard, ...]:
    return load_model("western").card, load_model("indian").card


@pytest.fixture(scope="module")
def visitor(cards: tuple[ModelCard, ...]) -> Visitor:
    return site(*cards)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<title>{PAGES[path]}</title>" in answer.text
    assert answer.text.lstrip().startswith('<!doctype html>\n<html lang="en">')


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_inline(visitor: Visitor, path: str) -> None:
    page = _Reader(visitor.get(path).text)
    assert not [text for text in page.script_texts if text.strip()]
    assert not [name for _, attributes in page.tags for name in attributes if name == "style"]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "style" not in [tag for tag, _ in page.tags]


@pytest.mark.parametrize("path", PAGES)
def test_nothing_comes_from_elsewhere(visitor: Visitor, path: str) -> None:
    page = _Reader(visitor.get(path).text)
    addresses = page.all("src") + page.all("href") + page.all("action")
    assert all(address.startswith(("/", "#")) for address in addresses)
    assert not any(address.startswith("//") for address in addresses)


@pytest.mark.parametrize("path", PAGES)
def test_links_lead_somewhere(visitor: Visitor, path: str) -> None:
    page = _Reader(visitor.get(path).text)
    for address in {*page.all("href"), *page.all("src")}:
        target, _, fragment = address.partition("#")
        if target.startswith(SERVED_BY_THE_API):
            continue
        answer = visitor.get(target) if target else visitor.get(path)
        assert answer.status_code == 200, address
        if fragment:
            assert fragment in _Reader(answer.text).all("id"), address


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_well_formed_for_readers(visitor: Visitor, path: str) -> None:
    page = _Reader(visitor.get(path).text)
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert all("alt" in attributes for tag, attributes in page.tags if tag == "img")
    assert {*page.all("for"), *page.all("aria-labelledby")} <= set(ids)
    current = [a for tag, a in page.tags if tag == "a" and "aria-current" in a]
    assert [a["href"] for a in current] == [path]


def _imports(name: str) -> set[str]:
    """All modules that a module loads, itself too."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            text = (STATIC / module).read_text(encoding="utf-8")
            waiting += re.findall(r'from "\./([\w.-]+)"', text)
    return found


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_light(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    addresses = _Reader(answer.text).all("src") + _Reader(answer.text).all("href")
    files = {a.partition("?")[0].removeprefix("/static/") for a in addresses if "/static/" in a}
    modules = set[str]().union(*(_imports(name) for name in files if name.endswith(".js")))
    sizes = [(STATIC / name).stat().st_size for name in files | modules]
    assert len(answer.content) + sum(sizes) < MAX_TRANSFER


def test_every_static_file_is_used() -> None:
    texts = [p.read_text(encoding="utf-8") for p in (STATIC.parent / "templates").glob("*.html")]
    texts += [p.read_text(encoding="utf-8") for p in STATIC.glob("*.js")]
    unused = [p.name for p in STATIC.iterdir() if not any(p.name in text for text in texts)]
    assert not unused


def test_files_with_a_digest_are_kept(visitor: Visitor) -> None:
    address = next(a for a in _Reader(visitor.get("/").text).all("href") if "site.css" in a)
    assert "immutable" in visitor.get(address).headers["cache-control"]
    assert visitor.get("/static/site.css").headers["cache-control"] == "no-cache"
    assert visitor.get("/static/nothing.css?1").status_code == 404


def test_names_are_escaped(cards: tuple[ModelCard, ...]) -> None:
    evil = '"><script>alert(1)</script>'
    metrics = {**cards[1].metrics, "split": evil, "split_meaning": evil}
    card = replace(cards[1], name=evil, limits=evil, licence=evil, dataset=evil, metrics=metrics)
    client = site(card)
    for path in ("/", "/models", "/history", f"/models/{quote(evil)}"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text


def test_a_model_of_ones_own_has_a_page(cards: tuple[ModelCard, ...]) -> None:
    card = replace(cards[1], name="salsa & co")
    client = site(card)
    home = client.get("/")
    assert "/salsa%20%26%20co" in _Reader(home.text).all("href")
    page = client.get("/salsa%20%26%20co")
    assert page.status_code == 200
    assert "<title>Salsa &amp; co – Generify</title>" in page.text
    assert 'aria-current="page">Salsa &amp; co</a>' in page.text
    assert "One model" in home.text
    assert client.get("/models").status_code == 200
    # A site without the bundled models neither shows nor links them.
    assert client.get("/western").status_code == 404
    assert "/western" not in _Reader(home.text).all("href")


def test_a_model_of_ones_own_is_in_the_navigation(cards: tuple[ModelCard, ...]) -> None:
    client = site(cards[0], replace(cards[1], name="mine"))
    menu = client.get("/").text.partition("<nav")[2].partition("</nav>")[0]
    assert '<li><a href="/western">Western</a></li>' in menu
    assert '<li><a href="/mine">Mine</a></li>' in menu


def test_a_models_other_address_leads_to_its_page(cards: tuple[ModelCard, ...]) -> None:
    client = site(cards[0], replace(cards[1], name="mine"))
    for name in ("western", "mine"):
        assert client.get(f"/{name}").status_code == 200
        answer = client.get(f"/models/{name}")
        assert (answer.status_code, answer.headers["location"]) == (307, f"/{name}")
    assert client.get("/yours").status_code == 404
    assert client.get("/models/yours").status_code == 404


@pytest.mark.parametrize("path", ["/models", "/western", "/models/western"])
def test_a_stroke_at_the_end_does_no_harm(visitor: Visitor, path: str) -> None:
    answer = visitor.get(f"{path}/")
    assert (answer.status_code, answer.headers["location"]) == (307, f"http://site{path}")


@pytest.mark.parametrize("path", ["/nope", "/nope/", "/models/nope"])
def test_what_is_not_there_cannot_be_asked_in_any_way(visitor: Visitor, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert visitor.ask(method, path).status_code == 404
    assert visitor.ask("POST", "/western").status_code == 405


@pytest.mark.parametrize("name", ["history", "docs", "a/b"])
def test_a_model_may_be_called_like_a_page(cards: tuple[ModelCard, ...], name: str) -> None:
    client = site(replace(cards[1], name=name))
    assert f"/models/{name}" in _Reader(client.get("/").text).all("href")
    assert f"<h1>{name.capitalize()}</h1>" in client.get(f"/models/{name}").text


def test_no_model_hides_an_address_of_the_site() -> None:
    routes = [*pages.router.routes, *operations.routes]
    first = {route.path.split("/")[1] for route in routes}
    assert first - {"", "{name}"} <= pages._TAKEN
    assert {"api", "docs", "static"} <= pages._TAKEN


def test_genres_without_test_songs_have_dashes(cards: tuple[ModelCard, ...]) -> None:
    metrics = dict(cards[0].metrics)
    untested = {"n_tracks": 0, "recall": 0.0, "precision": 0.0, "roc_auc": None}
    metrics["scores"] = [{**metrics["scores"][0], **untested}]
    page = site(replace(cards[0], metrics=metrics)).get("/models").text
    assert ">0</td>" + 3 * '<td class="number">–</td>' in page


def test_a_card_without_figures_is_shown(cards: tuple[ModelCard, ...]) -> None:
    client = site(replace(cards[0], metrics={}, limits="", licence="", attribution="", date=""))
    for path in ("/", "/western", "/models"):
        assert client.get(path).status_code == 200


def test_models_page_quotes_the_card(visitor: Visitor, cards: tuple[ModelCard, ...]) -> None:
    text = re.sub(r"\s+", " ", visitor.get("/models").text)
    for card in cards:
        assert f"{card.metrics['accuracy']:.1%}".replace("%", " %") in text
        assert f"right of {card.metrics['n_tracks']} test songs" in text
        assert card.metrics["split_meaning"] in text
        own = " ".join(_Reader(visitor.get(f"/{card.name}").text).texts)
        assert card.metrics["split_meaning"] in own  # a flattering split says so wherever
    row = cards[0].metrics["confusion"][0]  # what western's blues were called
    assert 0.3 < row[0] / sum(row) <= 0.6
    assert f'<th scope="row">Blues</th><td class="heat-4">{row[0]}</td>' in text


def test_roc_curves_are_drawn(cards: tuple[ModelCard, ...], visitor: Visitor) -> None:
    page = visitor.get("/models").text
    for card in cards:
        assert f'aria-label="{card.name.capitalize()}: ROC curves' in page
    n_genres = sum(len(card.genres) for card in cards)
    assert len(re.findall(r"<polyline points=\"0,100 [\d,. ]+ 100,0\"/>", page)) == n_genres

    perfect = {"genre": "blues", "auc": 1.0}
    perfect |= {"false_positive_rate": [0.0, 0.0, 1.0], "true_positive_rate": [0.0, 1.0, 1.0]}
    metrics = {**cards[0].metrics, "roc_curves": [perfect], "macro_auc": None}
    page = site(replace(cards[0], metrics=metrics)).get("/models").text
    assert '<polyline points="0,100 0,0 100,0"/>' in page
    assert "AUC 1.000" in page
    assert "Macro AUC" not in page


def test_history_says_whose_it_is(cards: tuple[ModelCard, ...]) -> None:
    assert "Nobody else sees it" in site(*cards).get("/history").text
    assert "everybody who uses this server" in site(*cards, history="shared").get("/history").text
    off = site(*cards, history="off")
    assert "keeps no history" in off.get("/history").text
    assert "Last songs" not in off.get("/").text


def test_limits_are_said(cards: tuple[ModelCard, ...]) -> None:
    text = site(*cards, max_upload_bytes=2_500_000_000, max_seconds=5400.0).get("/western").text
    assert "up to 2.5 GB and 90 minutes" in text
    assert "localhost or over HTTPS" in text


def test_the_form_works_without_scripts(visitor: Visitor) -> None:
    page = _Reader(visitor.get("/indian").text)
    (form,) = [a for tag, a in page.tags if tag == "form"]
    assert form["action"] == "/api/v1/predictions"
    assert form["method"] == "post"
    assert form["enctype"] == "multipart/form-data"
    fields = {a["name"]: a.get("value") for tag, a in page.tags if tag == "input" and "name" in a}
    assert fields == {"model": "indian", "timeline": "true", "file": None}


def test_errors_are_pages(cards: tuple[ModelCard, ...]) -> None:
    client = site(*cards)

    @client.app.get("/wrong/way")
    def wrong(request: pages.Request) -> pages.Response:
        return pages.error_page(request, problem("not-found", "there is no <b>", hint="look"))

    answer = client.get("/wrong/way")
    assert answer.status_code == 404
    links = {"/", "/western", "/indian", "/models"}
    assert links <= set(_Reader(answer.text.partition("<main")[2]).all("href"))
    assert "There is no &lt;b&gt;." in answer.text
    assert "Look." in answer.text


def test_a_missing_page_sends_nobody_to_the_api(cards: tuple[ModelCard, ...]) -> None:
    client = site(*cards)

    @client.app.get("/wrong/way")
    def wrong(request: pages.Request) -> pages.Response:
        return pages.error_page(request, explain(HTTPException(404)))

    main = client.get("/wrong/way").text.partition("<main")[2].partition("</main")[0]
    assert "There is no such page." in main
    assert "docs" not in main


def test_genres_have_hues_apart(cards: tuple[ModelCard, ...]) -> None:
    for card in cards:
        hues = {pages._hue(card, genre) for genre in card.genres}
        assert len(hues) == len(card.genres)
    assert pages._hue(cards[0], "polka") == "hue-none"


def _themes() -> Iterator[tuple[str, dict[str, str]]]:
    """Colours of both themes, from the style sheet."""
    text = (STATIC / "site.css").read_text(encoding="utf-8")
    for name, start in (("light", ":root {"), ("dark", ':root[data-theme="dark"], .stage')):
        block = text[text.index(start) :].split("}")[0]
        yield name, dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", block))


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("name", "theme"), list(_themes()))
def test_contrast(name: str, theme: dict[str, str]) -> None:
    # WCAG 2.2 AA: 4.5 for text, 3 for what is drawn and for the edges of fields.
    for ground in ("--ground", "--card", "--sunk"):
        for text in ("--ink", "--faint"):
            assert _contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
    for drawn in [f"--g{hue}" for hue in range(10)] + ["--strong-line", "--none"]:
        assert _contrast(theme[drawn], theme["--card"]) >= 3, drawn
    assert _contrast(theme["--bad"], theme["--card"]) >= 4.5
    assert _contrast(theme["--button"], theme["--on-button"]) >= 4.5


def test_both_ways_into_the_dark_are_equal() -> None:
    text = (STATIC / "site.css").read_text(encoding="utf-8")
    by_system = text[text.index(':root:not([data-theme="light"]) {\n') :].split("}")[0]
    by_switch = text[text.index(':root[data-theme="dark"], .stage') :].split("}")[0]
    colours = re.compile(r"(--[\w-]+): (#[0-9a-f]{6})")
    assert colours.findall(by_system) == colours.findall(by_switch)


def test_bars_are_the_same_on_every_visit() -> None:
    heights = pages._bar_heights()
    assert heights == pages._bar_heights()
    assert all(0 < height <= 100 for height in heights)
