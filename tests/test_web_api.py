"""The REST API: what is answered, what is kept, and who may see it."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from generify.errors import ParameterError
from generify.history import HistoryFilter, open_history
from generify.model import list_models, load_model
from generify.prediction import predict
from generify.web.app import create_app
from generify.web.archive import Archive
from generify.web.settings import Settings, describe_settings, load_settings
from web_site import (
    PREDICTIONS,
    RunningSite,
    assert_problem,
    make_song,
    running_site,
    send,
    small_settings,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def visitor(served: RunningSite) -> Iterator[httpx.Client]:
    with served.visitor() as client:
        yield client


def _ask(app: Any, *requests: tuple[str, str, dict[str, str]]) -> list[httpx.Response]:
    """Send requests straight into an application whose workers do not run."""

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
            return [
                await client.request(method, path, headers=headers)
                for method, path, headers in requests
            ]

    return asyncio.run(ask())


# What is answered


def _near(one: Any, other: Any) -> bool:
    """Compare plain values; a worker has one thread, which changes the last digits of a sum."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_near(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_near, one, other))
    return bool(one == pytest.approx(other, abs=1e-4) if isinstance(one, float) else one == other)


@pytest.mark.parametrize("timeline", [False, True])
def test_api_and_library_agree(visitor: httpx.Client, tmp_path: Path, timeline: bool) -> None:
    song = make_song(4.0)
    (tmp_path / "song.wav").write_bytes(song)
    answer = send(visitor, song, timeline=str(timeline).lower())
    assert answer.status_code == 201
    said = answer.json()
    expected = predict(tmp_path / "song.wav", "western", timeline=timeline).to_dict()
    assert _near({name: said[name] for name in expected}, expected | {"path": "song.wav"})
    extra = {"id", "when", "model_version", "links"}
    assert said.keys() - expected.keys() == extra | (
        {"waveform", "spectrogram"} if timeline else set()
    )


def test_an_answer_can_be_found_again(visitor: httpx.Client) -> None:
    answer = send(visitor, make_song(), timeline="true")
    assert answer.headers["location"] == answer.json()["links"]["self"]
    assert visitor.get(answer.headers["location"]).json() == answer.json()


def test_waveform_and_spectrogram_cover_the_song(visitor: httpx.Client) -> None:
    said = send(visitor, make_song(3.0), timeline="true").json()
    peaks, picture = said["waveform"]["peaks"], said["spectrogram"]
    assert 100 < len(peaks) <= 1000
    # Three sines of a sixth each: never above 0.5, and a column holds many periods of the root.
    assert 0.2 < min(peaks) <= max(peaks) <= 0.5
    png = visitor.get(picture["href"])
    assert png.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(png.content))
    assert image.size == (picture["width"], picture["height"]) == (len(peaks), 96)
    lightness = image.convert("L")
    rows = [sum(lightness.crop((0, y, image.width, y + 1)).tobytes()) for y in range(96)]
    assert rows.index(max(rows)) > 60  # the chord is far below 2 kHz, and low is below


def test_each_model_answers(visitor: httpx.Client) -> None:
    for name in list_models():
        said = send(visitor, make_song(), model=name).json()
        assert said["model"] == name
        assert {g["genre"] for g in said["genres"]} == set(load_model(name).genres)


def test_the_default_model_is_the_commands(visitor: httpx.Client) -> None:
    assert send(visitor, make_song()).json()["model"] == "western"


# Jobs


def test_a_long_song_is_a_job(visitor: httpx.Client, served: RunningSite) -> None:
    answer = send(visitor, make_song(6.0), "long.wav", timeline="true")
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == job["links"]["self"]
    events = _events(visitor, job["links"]["events"])
    assert [name for name, _ in events[:-1]] == ["progress"] * (len(events) - 1)
    name, last = events[-1]
    assert (name, last["state"], last["progress"]) == ("done", "done", 1.0)
    assert [e["progress"] for _, e in events] == sorted(e["progress"] for _, e in events)
    assert last["prediction"]["path"] == "long.wav"
    assert len(last["prediction"]["timeline"]) == 2
    assert visitor.get(job["links"]["self"]).json() == last
    assert visitor.get(last["prediction"]["links"]["self"]).json() == last["prediction"]
    assert served.left_uploads() == []


def _events(client: httpx.Client, path: str) -> list[tuple[str, dict[str, Any]]]:
    with client.stream("GET", path) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        blocks = stream.read().decode().strip().split("\n\n")
    found = []
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_a_job_can_be_asked_for(visitor: httpx.Client) -> None:
    answer = visitor.post(
        PREDICTIONS, files={"file": ("a.wav", make_song())}, headers={"Prefer": "respond-async"}
    )
    assert answer.status_code == 202
    assert _events(visitor, answer.json()["links"]["events"])[-1][0] == "done"


def test_a_job_may_fail(visitor: httpx.Client) -> None:
    answer = visitor.post(
        PREDICTIONS, files={"file": ("a.wav", b"no")}, headers={"Prefer": "respond-async"}
    )
    name, job = _events(visitor, answer.json()["links"]["events"])[-1]
    assert (name, job["state"], job["prediction"]) == ("failed", "failed", None)
    assert job["problem"]["type"] == "urn:generify:not-audio"


def test_a_job_is_its_visitors_own(visitor: httpx.Client, served: RunningSite) -> None:
    answer = visitor.post(
        PREDICTIONS, files={"file": ("a.wav", make_song())}, headers={"Prefer": "respond-async"}
    )
    with served.visitor() as other:
        for path in answer.json()["links"].values():
            assert_problem(other.get(path), 404, "not-found")


# The history


def test_history_is_searched_and_paged(visitor: httpx.Client) -> None:
    names = ["Über alles.wav", "100%_pure.wav", "blue.wav"]
    sent = [send(visitor, make_song(seed=i), name).json() for i, name in enumerate(names)]
    listed = visitor.get(PREDICTIONS).json()
    assert listed["total"] == 3
    assert [p["id"] for p in listed["items"]] == [p["id"] for p in reversed(sent)]
    kept = {"id", "path", "model", "genre", "confidence", "genres", "styles", "links"}
    assert {n: listed["items"][0][n] for n in kept} == {n: sent[-1][n] for n in kept}

    def found(**query: object) -> list[str]:
        answer = visitor.get(PREDICTIONS, params=query)  # type: ignore[arg-type]
        return [p["path"] for p in answer.json()["items"]]

    assert found(name="ÜBER") == ["Über alles.wav"]
    assert found(name="0%_") == ["100%_pure.wav"]
    assert found(name="%") == ["100%_pure.wav"]
    assert found(model="indian") == []
    assert sorted(found(unknown="true") + found(unknown="false")) == sorted(names)
    page = visitor.get(PREDICTIONS, params={"limit": 2}).json()
    assert len(page["items"]) == 2
    assert page["links"]["previous"] is None
    rest = visitor.get(page["links"]["next"]).json()
    assert [p["path"] for p in rest["items"]] == ["Über alles.wav"]
    assert rest["links"]["next"] is None
    assert visitor.get(rest["links"]["previous"]).json()["items"] == page["items"]


def test_history_is_the_visitors_own(visitor: httpx.Client, served: RunningSite) -> None:
    said = send(visitor, make_song(), timeline="true").json()
    with served.visitor() as other:
        send(other, make_song(), "other.wav")
        assert [p["path"] for p in other.get(PREDICTIONS).json()["items"]] == ["other.wav"]
        assert_problem(other.get(said["links"]["self"]), 404, "not-found")
        assert_problem(other.get(said["spectrogram"]["href"]), 404, "not-found")
        assert_problem(other.delete(said["links"]["self"]), 404, "not-found")
        assert other.delete(PREDICTIONS).json() == {"removed": 1}
    assert visitor.get(said["links"]["self"]).status_code == 200


def test_who_is_not_known_has_no_history(served: RunningSite) -> None:
    with served.visitor() as stranger:
        assert stranger.get(PREDICTIONS).json()["items"] == []
        assert stranger.delete(PREDICTIONS).json() == {"removed": 0}
        assert stranger.get(f"{PREDICTIONS}/statistics").json()["n_predictions"] == 0
        assert stranger.get(f"{PREDICTIONS}/export").json() == []
        assert not stranger.cookies  # nothing is kept of who only looks


def test_one_and_all_are_deleted(visitor: httpx.Client, served: RunningSite) -> None:
    one, two = (send(visitor, make_song(), f"{i}.wav", timeline="true").json() for i in range(2))
    assert visitor.delete(one["links"]["self"]).status_code == 204
    assert_problem(visitor.get(one["links"]["self"]), 404, "not-found")
    assert_problem(visitor.get(one["spectrogram"]["href"]), 404, "not-found")
    assert visitor.get(two["links"]["self"]).status_code == 200
    assert visitor.delete(PREDICTIONS).json() == {"removed": 1}
    assert visitor.get(PREDICTIONS).json()["total"] == 0
    details = {f.stem for f in (served.folder / "timelines").iterdir()}
    assert not details & {one["id"], two["id"]}


def test_export(visitor: httpx.Client) -> None:
    send(visitor, make_song(), "=1+1.wav")
    send(visitor, make_song(seed=2), 'quote",.wav')
    path = f"{PREDICTIONS}/export"
    as_json = visitor.get(path)
    assert "generify-history.json" in as_json.headers["content-disposition"]
    records = as_json.json()
    assert [r["path"] for r in records] == ["=1+1.wav", 'quote",.wav']
    lines = visitor.get(path, params={"format": "ndjson"}).text.splitlines()
    assert [json.loads(line) for line in lines] == records
    rows = list(csv.DictReader(io.StringIO(visitor.get(path, params={"format": "csv"}).text)))
    assert [r["path"] for r in rows] == ["'=1+1.wav", 'quote",.wav']  # no spreadsheet computes it
    assert [float(r["confidence"]) for r in rows] == [r["confidence"] for r in records]


def test_statistics(visitor: httpx.Client) -> None:
    said = [send(visitor, make_song(seed=i), f"{i}.wav").json() for i in (1, 1, 2)]
    counted = visitor.get(f"{PREDICTIONS}/statistics").json()
    assert (counted["n_songs"], counted["n_predictions"]) == (2, 3)
    assert counted["n_unknown"] == sum(p["unknown"] for p in said)
    for row in counted["genres"]:
        of_genre = [p["confidence"] for p in said if p["genre"] == row["genre"]]
        assert row["n_predictions"] == len(of_genre)
        assert row["share"] == pytest.approx(len(of_genre) / 3, abs=1e-6)
        assert row["confidence"] == pytest.approx(sum(of_genre) / len(of_genre), abs=1e-6)
    assert visitor.get(f"{PREDICTIONS}/statistics?name=2.").json()["n_predictions"] == 1


def test_the_command_sees_the_same_history(visitor: httpx.Client, served: RunningSite) -> None:
    send(visitor, make_song(), "seen-by-both.wav")
    with open_history(str(served.folder / "history.db")) as history:
        (entry,) = history.search(HistoryFilter(name="seen-by-both"))
    assert (entry.path, entry.command) == ("seen-by-both.wav", "serve")


def _record(name: str, genre: str = "jazz") -> dict[str, Any]:
    return {
        **{"path": name, "model": "western", "model_version": "1", "genre": genre},
        **{"confidence": 0.5, "unknown": False, "duration": 3.0, "analysed": 3.0, "warnings": []},
        "genres": [{"genre": genre, "probability": 0.5}, {"genre": "pop", "probability": 0.5}],
        "styles": [{"style": "Mellow", "score": 0.2}],
    }


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    kept = Archive(str(tmp_path / "history.db"), tmp_path / "timelines", n_kept_timelines=10)
    yield kept
    kept.close()


def test_removal_leaves_the_answer_before_as_the_last_word(archive: Archive) -> None:
    archive.keep("a", _record("x", "jazz"), "r" * 64, None)
    last = archive.keep("b", _record("x", "blues"), "r" * 64, None)
    genres = {g.genre for g in archive._history.history.statistics().genres}
    assert genres == {"blues"}
    assert archive.remove("b", last.id) == 1
    assert {g.genre for g in archive._history.history.statistics().genres} == {"jazz"}
    assert archive.remove("a") == 1
    assert archive._history.history.statistics().n_songs == 0


def test_only_the_newest_timelines_are_kept(archive: Archive, tmp_path: Path) -> None:
    record = _record("x") | {"waveform": {"peaks": [0.1]}}
    names = [archive.keep("a", record, "r" * 64, b"png").id for _ in range(25)]
    left = {f.stem for f in (tmp_path / "timelines").iterdir()}
    assert 10 <= len(left) <= 11
    assert names[-1] in left
    assert names[0] not in left
    first = archive.get("a", names[0])
    assert first is not None
    assert "waveform" not in first.record  # the answer itself is still there
    assert archive.spectrogram(names[0]) is None
    assert archive.spectrogram(names[-1]) == b"png"


def test_shared_history_is_everybodys(tmp_path: Path) -> None:
    app = create_app(small_settings(tmp_path, history="shared"))
    app.state.site.archive = Archive(
        str(tmp_path / "history.db"), tmp_path / "timelines", n_kept_timelines=10
    )
    app.state.site.archive.keep("shared", _record("x.wav"), None, None)
    (answer,) = _ask(app, ("GET", PREDICTIONS, {}))
    assert [p["path"] for p in answer.json()["items"]] == ["x.wav"]
    app.state.site.archive.close()


def test_without_history_nothing_is_kept(tmp_path: Path) -> None:
    with running_site(tmp_path, history="off") as site, site.visitor() as client:
        answer = send(client, make_song(), timeline="true")
        assert answer.status_code == 201
        assert "location" not in answer.headers
        head, _, png = answer.json()["spectrogram"]["href"].partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(png).startswith(b"\x89PNG")
        assert client.get(PREDICTIONS).json()["items"] == []
        assert not (tmp_path / "history.db").exists()


# Models


def test_models_show_their_cards(visitor: httpx.Client) -> None:
    shown = {m["name"]: m for m in visitor.get("/api/v1/models").json()["items"]}
    assert set(shown) == set(list_models())
    for name, model in shown.items():
        card = load_model(name).card
        assert model["genres"] == list(card.genres)
        assert model["metrics"] == json.loads(card.to_json())["metrics"]
        assert visitor.get(model["links"]["self"]).json() == model
    assert_problem(visitor.get("/api/v1/models/polka"), 404, "not-found")


def test_figures_are_drawn(visitor: httpx.Client) -> None:
    model = visitor.get("/api/v1/models/western").json()
    assert model["figures"] == ["confusion", "roc"]
    for figure in model["links"]["figures"].values():
        svg = visitor.get(figure)
        assert svg.headers["content-type"] == "image/svg+xml"
        assert b"<svg" in svg.content
    png = visitor.get("/api/v1/models/western/figures/confusion.png")
    assert png.content.startswith(b"\x89PNG")
    for name in ("scores.svg", "confusion.pdf", "confusion", "..%2f..%2fsecret"):
        path = f"/api/v1/models/western/figures/{name}"
        assert visitor.get(path).status_code == 404


# Its own description


def test_openapi_names_every_route_and_problem(visitor: httpx.Client) -> None:
    described = visitor.get("/api/v1/openapi.json").json()
    paths = described["paths"]
    assert set(paths) == {
        *(PREDICTIONS + end for end in ("", "/{id}", "/{id}/spectrogram.png")),
        *(PREDICTIONS + end for end in ("/export", "/statistics")),
        *("/api/v1/jobs/{id}", "/api/v1/jobs/{id}/events", "/api/v1/models"),
        *("/api/v1/models/{name}", "/api/v1/models/{name}/figures/{figure}"),
        *("/api/v1/healthz", "/api/v1/metrics"),
    }
    statuses = set(paths[PREDICTIONS]["post"]["responses"])
    assert statuses >= {"201", "202", "400", "408", "413", "415", "422", "429", "503"}
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert references <= described["components"]["schemas"].keys()


def test_openapi_gives_every_error_as_a_problem(visitor: httpx.Client) -> None:
    described = visitor.get("/api/v1/openapi.json").json()
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers = [
        (path, status, answer["content"])
        for path, methods in described["paths"].items()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
    ]
    assert [found for found in answers if found[2] != problem] == []
    assert not [name for name in described["components"]["schemas"] if "Validation" in name]


def test_keys_are_described_where_there_are_any(tmp_path: Path) -> None:
    app = create_app(small_settings(tmp_path, api_keys=("k",)))
    assert app.openapi()["components"]["securitySchemes"]["header"]["name"] == "X-API-Key"


def test_a_wrong_method_is_told_the_right_ones(visitor: httpx.Client) -> None:
    answer = visitor.put(PREDICTIONS)
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "DELETE, GET, POST"


@pytest.mark.parametrize("path", ["/nope", "/api/v1/nope"])
def test_only_programs_are_sent_to_the_docs(visitor: httpx.Client, path: str) -> None:
    assert_problem(visitor.post(path), 404, "not-found")
    assert visitor.post(path).json()["hint"] == "see /docs"
    page = visitor.get("/nope", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "there is no such page" in page.text.lower()
    assert "see /docs" not in page.text.lower()


def test_an_answer_without_a_picture(visitor: httpx.Client) -> None:
    own = send(visitor, make_song()).json()["links"]["self"]
    assert visitor.get(f"{own}/spectrogram.png").status_code == 204
    assert visitor.get(f"{own[:-1]}x/spectrogram.png").status_code == 404


def test_docs_need_nothing_from_elsewhere(visitor: httpx.Client, served: RunningSite) -> None:
    page = visitor.get("/docs").text
    for path in visitor.get("/api/v1/openapi.json").json()["paths"]:
        assert path in page
    fetched = re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', page)
    assert fetched
    assert all(address.startswith("/static/") for address in fetched)
    ids = set(re.findall(r' id="([^"]*)"', page))
    contents = re.findall(r'href="#([^"]*)"', page)
    assert len(contents) > 30
    assert set(contents) <= ids


def test_everything_in_the_description_has_a_meaning(visitor: httpx.Client) -> None:
    described = visitor.get("/api/v1/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            assert all(p.get("description") for p in told.get("parameters", ())), path
            hears = (method, path) == ("post", PREDICTIONS)
            said = told["responses"].get("422", {}).get("description", "")
            assert ("heard" in said) is hears, path
    for name, shape in described["components"]["schemas"].items():
        for field, told in shape["properties"].items():
            assert told.get("description"), f"{name}.{field}"


def _n_answered(metrics: str) -> float:
    found = re.search(r'^generify_song_seconds_count{model="western"} (\S+)', metrics, flags=re.M)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize("root", ["", "/api/v1"])
def test_health_and_metrics(visitor: httpx.Client, root: str) -> None:
    assert visitor.get(f"{root}/healthz").json()["status"] == "ok"
    send(visitor, b"no")
    before = _n_answered(visitor.get(f"{root}/metrics").text)
    assert send(visitor, make_song()).status_code == 201
    text = visitor.get(f"{root}/metrics").text
    assert _n_answered(text) == before + 1
    assert 'generify_songs_total{outcome="not-audio"}' in text
    assert "generify_queued_songs 0.0" in text
    visitor.get("/random/path")
    assert "random" not in visitor.get(f"{root}/metrics").text


# Who may ask, and what a browser may do


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/nothing", "/static/site.css", "/api/v1/models", "/api/v1/nothing"]
)
def test_every_answer_is_guarded(visitor: httpx.Client, path: str) -> None:
    headers = visitor.get(path, headers={"Accept": "text/html"}).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_the_cookie_is_signed_and_out_of_reach(served: RunningSite) -> None:
    with served.visitor() as client:
        line = client.get("/").headers["set-cookie"]
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
        assert "Secure" not in line
        said = send(client, make_song()).json()
        value = client.cookies["generify_visitor"]
    name, made, signature = value.split(".")
    other = "A" if signature[0] != "A" else "B"
    for forged in (name, f"{name}.{made}.{other}{signature[1:]}", f"{name}.{made}."):
        with served.visitor(cookies={"generify_visitor": forged}) as thief:
            assert thief.get(PREDICTIONS).json()["total"] == 0
            assert thief.get(said["links"]["self"]).status_code == 404
    with served.visitor(cookies={"generify_visitor": value}) as same:
        assert same.get(said["links"]["self"]).status_code == 200


def test_the_cookie_outlives_a_restart(tmp_path: Path) -> None:
    secret = create_app(small_settings(tmp_path)), (tmp_path / "secret").read_text()
    create_app(small_settings(tmp_path))
    assert (tmp_path / "secret").read_text() == secret[1]
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


def test_other_sites_may_change_nothing(visitor: httpx.Client, served: RunningSite) -> None:
    foreign = {"Origin": "http://evil.test"}
    assert_problem(visitor.delete(PREDICTIONS, headers=foreign), 403, "foreign-origin")
    answer = visitor.get(PREDICTIONS, headers=foreign)
    assert "access-control-allow-origin" not in answer.headers
    assert visitor.delete(PREDICTIONS, headers={"Origin": served.url}).status_code == 200


def test_other_sites_may_be_allowed(tmp_path: Path) -> None:
    app = create_app(small_settings(tmp_path, cors_origins=("https://friend.test",)))
    friend, foe = {"Origin": "https://friend.test"}, {"Origin": "https://foe.test"}
    asking = {"Access-Control-Request-Method": "POST"}
    a, b, c, d = _ask(
        app,
        ("GET", "/api/v1/models", friend),
        ("GET", "/api/v1/models", foe),
        ("OPTIONS", PREDICTIONS, friend | asking),
        ("OPTIONS", PREDICTIONS, foe | asking),
    )
    assert a.headers["access-control-allow-origin"] == "https://friend.test"
    assert "access-control-allow-origin" not in b.headers
    assert (c.status_code, d.status_code) == (200, 400)


def test_keys(tmp_path: Path) -> None:
    app = create_app(small_settings(tmp_path, api_keys=("open sesame", "other")))
    basic = base64.b64encode(b"anyone:open sesame").decode()
    path = "/api/v1/models"
    right = [
        {"X-API-Key": "other"},
        {"Authorization": "Bearer open sesame"},
        {"Authorization": f"Basic {basic}"},
    ]
    wrong = [{}, {"X-API-Key": "openn sesame"}, {"Authorization": "Basic !"}, {"X-API-Key": ""}]
    assert [a.status_code for a in _ask(app, *(("GET", path, h) for h in right))] == [200] * 3
    for answer in _ask(app, *(("GET", path, h) for h in wrong)):
        assert_problem(answer, 401, "key-needed")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    page, health = _ask(app, ("GET", "/", {}), ("GET", "/healthz", {}))
    assert (page.status_code, health.status_code) == (401, 200)


def test_hosts(tmp_path: Path) -> None:
    app = create_app(small_settings(tmp_path, allowed_hosts=("songs.test",)))
    a, b = _ask(app, ("GET", "/healthz", {"Host": "songs.test"}), ("GET", "/healthz", {}))
    assert (a.status_code, b.status_code) == (200, 400)


def test_static_files_are_kept_by_browsers(visitor: httpx.Client) -> None:
    address = re.search(r'href="(/static/site.css[^"]*)"', visitor.get("/").text)
    assert address
    whole = visitor.get(address[1])
    same = visitor.get(address[1], headers={"If-None-Match": whole.headers["etag"]})
    assert (whole.status_code, same.status_code) == (200, 304)
    assert "immutable" in whole.headers["cache-control"]
    assert "immutable" in same.headers["cache-control"]
    assert visitor.get("/static/site.css").headers["cache-control"] == "no-cache"
    for path in ("/static/nothing.css?1", "/api/v1/predictions"):
        assert visitor.get(path).headers["cache-control"] == "no-store"


# Settings


def test_settings_come_from_file_environment_and_command(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text('port = 1\nhost = "a"\nn_waiting = 3\nmodels = ["indian"]\n')
    environment = {"GENERIFY_SETTINGS": str(file), "GENERIFY_HOST": "b", "GENERIFY_PORT": "2"}
    environment["GENERIFY_API_KEYS"] = "x, y"
    found = load_settings(environment=environment, overrides={"port": 3, "host": None})
    assert (found.port, found.host, found.n_waiting) == (3, "b", 3)
    assert (found.models, found.api_keys) == (("indian",), ("x", "y"))
    assert "x" not in repr(found).replace("max", "")


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        ({"GENERIFY_PORT": "many"}, "the setting port cannot be used: .*integer"),
        ({"GENERIFY_PORT": "70000"}, "port should be 0 to 65535, got 70000"),
        ({"GENERIFY_HISTORY": "mine"}, "the setting history cannot be used"),
        ({"GENERIFY_TIME_LIMIT": "0"}, "time_limit should be more than 0"),
        ({"GENERIFY_N_WAITING": "-1"}, "n_waiting should be 0 or more"),
        ({"GENERIFY_CORS_ORIGINS": "*"}, "cors_origins should be sites by name"),
        ({"GENERIFY_SETTINGS": "no such file"}, "cannot read the settings no such file"),
    ],
)
def test_settings_that_cannot_be(environment: dict[str, str], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        load_settings(environment=environment)


@pytest.mark.parametrize(
    ("text", "match"), [("prot = 1", "sets what there is not: prot"), ("port=", "is no TOML")]
)
def test_files_of_settings_that_cannot_be(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "site.toml").write_text(text)
    with pytest.raises(ParameterError, match=match):
        load_settings(tmp_path / "site.toml", environment={})


def test_every_setting_is_described() -> None:
    described = {variable: meaning for variable, _, meaning in describe_settings()}
    names = {f"GENERIFY_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert set(described) == names
    assert all(described.values())


# Starting and stopping

_SERVE = """
import sys
from generify.web.server import serve
from generify.web.settings import Settings

if __name__ == "__main__":
    serve(Settings(port=0, n_workers=1, data_folder=sys.argv[1]),
          on_ready=lambda url: print(url, flush=True))
"""


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address."""
    script = tmp_path / "run.py"
    script.write_text(_SERVE)
    command = [sys.executable, str(script), str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_a_stop_finishes_what_is_being_heard(
    own_server: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, url = own_server
    with httpx.Client(base_url=url, timeout=60) as client:
        files = {"file": ("last.wav", make_song())}
        answer = client.post(PREDICTIONS, files=files, headers={"Prefer": "respond-async"})
        assert answer.status_code == 202
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with open_history(str(tmp_path / "data" / "history.db")) as history:
        assert [entry.path for entry in history.search()] == ["last.wav"]
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


def test_a_port_in_use_is_said_plainly(served: RunningSite, tmp_path: Path) -> None:
    from generify.web.server import serve

    told = rf"^cannot listen on 127\.0\.0\.1, port {served.port}: Address already in use\n"
    with pytest.raises(ParameterError, match=told):
        serve(Settings(port=served.port, data_folder=str(tmp_path)))


def test_the_page_about_serving_lists_every_setting() -> None:
    page = (Path(__file__).parents[1] / "docs" / "serving.md").read_text(encoding="utf-8")
    for variable, default, meaning in describe_settings():
        shown = "" if default == "-" else f"`{default}`"
        assert f"| `{variable}` | {shown} | {meaning} |" in page
