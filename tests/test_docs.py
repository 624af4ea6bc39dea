"""The documentation is whole: blocks are run or say why not, links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from doc_blocks import MARKS, READ, ROOT, RUN, SHOWN, name_of, pages, read_blocks
from generify.cli.app import build_app
from generify.errors import GenerifyError
from generify.model import list_models

PAGES = pages()
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
N_NOT_RUN = 25
"""Blocks that may be shown without being run; lower it when one is made to run."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language_and_is_run_or_says_why_not(page: Path) -> None:
    for block in read_blocks(page):
        if not block.is_code:
            continue
        assert block.language, f"{block}: which language?"
        assert not set(block.marks) - MARKS, f"{block}: unknown mark"
        if "not run" in block.marks:
            assert len(block.marks["not run"]) > 8, f"{block}: why is it not run?"
        else:
            known = RUN | READ | SHOWN
            assert block.language in known, f"{block}: {block.language} is neither run nor marked"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_shown_blocks_hide_no_commands(page: Path) -> None:
    for block in read_blocks(page):
        if block.language == "text":
            hidden = re.search(r"^(\$ |pip |generify |>>> )", block.text, flags=re.M)
            assert not hidden, f"{block}: make it bash or console"
        if block.language == "diff":
            assert "edit" in block.marks, f"{block}: a diff is applied"


def test_few_blocks_are_not_run() -> None:
    blocks = [block for page in PAGES for block in read_blocks(page)]
    reasons = Counter(block.marks["not run"] for block in blocks if "not run" in block.marks)
    n_run = sum(block.language in RUN and "not run" not in block.marks for block in blocks)
    assert n_run >= 30
    assert reasons.total() <= N_NOT_RUN, reasons.most_common()


def _heading_anchors(text: str) -> set[str]:
    """Anchors as both GitHub and the site make them."""
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    headings = re.findall(r"^#+ +(.+?) *$", without_code, flags=re.M)
    slugs: Counter[str] = Counter()
    anchors = set()
    for heading in headings:
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        anchors.add(f"{slug}-{slugs[slug]}" if slugs[slug] else slug)
        slugs[slug] += 1
    return anchors


def _links(page: Path) -> Iterator[str]:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    yield from re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text))


LINKED = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "examples" / "CREDITS.md"]


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), f"{name_of(page)}: {link} leads nowhere"
        if anchor:
            found = _heading_anchors(target.read_text(encoding="utf-8"))
            assert anchor in found, f"{name_of(page)}: {link}: no such heading"


def test_pages_link_to_secure_addresses() -> None:
    plain = [
        (name_of(page), link)
        for page in PAGES
        for link in _links(page)
        if link.startswith("http://") and "127.0.0.1" not in link
    ]
    assert not plain


def test_the_readme_is_short_and_comes_to_the_point() -> None:
    assert README.count("\n") <= 120
    first = next(b for b in read_blocks(ROOT / "README.md") if b.language == "console")
    assert "generify predict" in first.text
    assert first.line + first.text.count("\n") <= 25


def _check(script: str) -> None:
    done = subprocess.run(
        [sys.executable, f"tools/{script}.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", ["reference", "accuracy_page", "model_pages", "import_graph"])
def test_generated_pages_are_up_to_date(script: str) -> None:
    _check(script)


def test_the_figures_of_the_readme_are_those_of_the_benchmark() -> None:
    row = r"\| ([\d.]+ %) \| ([\d.]+ to [\d.]+) \| ([\d.]+ %) \|"
    shown = re.findall(row, README)
    assert len(shown) == 3
    measured = re.findall(row, _text("accuracy.md"))
    assert set(shown) <= set(measured)


def test_the_figures_of_the_gtzan_page_are_those_of_the_benchmark() -> None:
    file = ROOT / "benchmarks" / "results" / "flattering.json"
    rows = json.loads(file.read_text(encoding="utf-8"))
    measured = [f"{100 * row['accuracy']:.0f}" for row in rows]
    text = _text("tutorials/gtzan.md").replace("**", "")
    shown = re.findall(r"^\|.*\| (\d+) % \| (\d+) % \|$", text, flags=re.M)
    assert [*(lda for lda, _ in shown), *(knn for _, knn in shown)] == measured


def _text(*names: str) -> str:
    return "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in names)


def test_every_command_and_option_is_documented() -> None:
    import typer

    text = _text("reference/command.md")
    open_ = [("generify", typer.main.get_command(build_app()))]
    while open_:
        typed, command = open_.pop()
        assert f"\n## {typed}\n" in text
        section = text.partition(f"\n## {typed}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert not option.startswith("--") or option in section, f"{typed} {option}"
        open_ += [
            (f"{typed} {name}", child) for name, child in getattr(command, "commands", {}).items()
        ]


def test_every_variable_of_the_environment_is_documented() -> None:
    sources = (ROOT / "src").rglob("*.py")
    named = {
        name
        for source in sources
        for name in re.findall(r"\bGENERIFY_[A-Z_]*[A-Z]\b", source.read_text(encoding="utf-8"))
    }
    text = _text("reference/parts.md", "reference/rest.md")
    assert len(named) >= 4
    assert not {name for name in named if f"`{name}`" not in text}


def _children(error: type[Exception]) -> Iterator[type[Exception]]:
    for child in error.__subclasses__():
        yield child
        yield from _children(child)


def test_every_error_is_documented() -> None:
    text = _text("reference/parts.md")
    errors = {e.__name__ for e in _children(GenerifyError) if e.__module__.startswith("generify.")}
    assert len(errors) >= 7
    assert not {name for name in errors | {"GenerifyError"} if f"`{name}`" not in text}


def test_every_bundled_model_has_a_page() -> None:
    for name in list_models():
        assert (ROOT / "docs" / "models" / f"{name}.md").is_file()
        assert f"models/{name}" in _text("index.md")


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decisions_are_short_and_whole(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("\n") <= 40
    for part in ("Context", "Decision", "Evidence", "Consequence"):
        said = re.search(rf"^(\*\*|## ){part}", text, flags=re.M)
        assert said, f"{page.name}: what is the {part.lower()}?"


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert len(set(numbers)) == len(numbers) >= 10
    for number, page in zip(numbers, DECISIONS, strict=True):
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. ")


def test_every_dependency_has_its_reason() -> None:
    project = PYPROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    lists += [
        [one for one in group if isinstance(one, str)]
        for group in PYPROJECT["dependency-groups"].values()
    ]
    names = {re.split(r"[\s\[<>=!~;]", one)[0].lower() for many in lists for one in many}
    text = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z0-9][a-z0-9_.\-]*[a-z0-9]", text.lower()))
    assert not names - {"generify"} - words


FAMILIES = {
    "GPL-2+": r"GPL-2|GNU General Public License v2",
    "LGPL": r"LGPL|Lesser",
    "MIT": r"\bMIT\b",
    "BSD": r"BSD",
    "Apache-2.0": r"Apache",
    "ISC": r"\bISC\b",
    "PSF": r"Python Software Foundation",
}


def test_licences_are_those_of_what_is_installed() -> None:
    from importlib.metadata import PackageNotFoundError, metadata

    text = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8")
    n_compared = 0
    for row in re.findall(r"^\|(.+)\|$", text, flags=re.M):
        for name in re.findall(r"[a-z][a-z0-9_\-]+", row.split("|")[0] + row.split("|")[1]):
            try:
                told = metadata(name)
            except PackageNotFoundError:
                continue
            words = [told.get("License-Expression") or "", (told.get("License") or "")[:80]]
            words += [c for c in told.get_all("Classifier") or [] if c.startswith("License")]
            found = {f for f, mark in FAMILIES.items() if re.search(mark, " ".join(words))}
            found -= {"MIT"} if name == "numpy" else set()  # of parts that it carries along
            assert not found or any(family in row for family in found), (name, found)
            n_compared += bool(found)
    assert n_compared > 30


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package, reason="pip install --group docs")
    strict = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    folders = ["docs", str(tmp_path / "html"), "-d", str(tmp_path / "doctrees")]
    done = subprocess.run(
        [*strict, *folders], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    built = list((tmp_path / "html").rglob("*.html"))
    assert len(built) > 25
    loaded = re.compile(r'<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)="(?:https?:)?//')
    for page in built:
        assert not loaded.search(page.read_text(encoding="utf-8")), page.name
    for sheet in (tmp_path / "html").rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8"))
