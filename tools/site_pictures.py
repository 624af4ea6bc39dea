"""Take pictures of every page of the site, for people to look at: ``docs/images/site-*.png``.

::

    python tools/site_pictures.py [--folder FOLDER]

Light and dark, wide and phone: a sheet of small pictures each. With ``--folder`` every page is also
kept there whole, at full size. Needs Debian's chromium (``.ci/browser``).
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from serving import running_site  # noqa: E402 - beside the benchmarks

EXAMPLES = ROOT / "examples"
SONGS = {"/western": ("intro.mp3", "escape_from_chaosland.ogg"), "/indian": ("war_of_freedom.mp3",)}
PAGES = ("/western", "/indian", "/", "/history", "/models", "/about", "/docs", "/nowhere")
SIZES = {"wide": (1280, 900), "phone": (390, 844)}
GROUND = {"light": "#c9c4b6", "dark": "#3a3a46"}
GAP = 16
CELL = {"wide": (380, 570), "phone": (200, 600)}  # of a sheet, in pixels
COLUMNS = {"wide": 5, "phone": 9}
ROC = "ul.roc"
PATIENCE = 60_000  # ms


def main() -> None:
    """Take and arrange the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="for the pages at full size")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as data,
        running_site(1, Path(data)) as (url, _),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for scheme in GROUND:
            for size in SIZES:
                pictures = dict(take(browser, url, scheme, size))
                if given.folder is not None:
                    keep(pictures, given.folder, f"{scheme}-{size}")
                name = f"docs/images/site-{scheme}-{size}.png"
                arrange(list(pictures.values()), scheme, size).save(ROOT / name, optimize=True)
                print(f"wrote {name}, {(ROOT / name).stat().st_size:,} bytes")
        browser.close()


def take(browser: Browser, url: str, scheme: str, size: str) -> Iterator[tuple[str, Image.Image]]:
    """Take a picture of each page, and one of a model's ROC curves."""
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=url,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    page = context.new_page()
    for path in PAGES:
        page.goto(path)
        ask(page, path)
        page.wait_for_load_state("networkidle")
        picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
        yield path, picture
        if path == "/models":
            top = page.locator(ROC).first.bounding_box()
            assert top is not None
            y = round(top["y"]) - 60
            yield f"{path}-roc", picture.crop((0, y, width, min(y + 4 * height, picture.height)))
    context.close()


def ask(page: Page, path: str) -> None:
    """Ask about songs, and wait for the answers."""
    songs = SONGS.get(path)
    if songs:
        page.locator("input[type=file]").set_input_files([EXAMPLES / song for song in songs])
        done = re.compile(f"^{len(songs)} of {len(songs)} song")
        expect(page.locator("[data-count]")).to_have_text(done, timeout=PATIENCE)


def keep(pictures: dict[str, Image.Image], folder: Path, kind: str) -> None:
    """Write pictures at full size."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, picture in pictures.items():
        picture.save(folder / f"{path.strip('/').replace('/', '-') or 'home'}-{kind}.png")


def arrange(pictures: list[Image.Image], scheme: str, size: str) -> Image.Image:
    """Put the tops of pages side by side."""
    wide, high = CELL[size]
    columns = COLUMNS[size]
    rows = -(-len(pictures) // columns)
    whole = GAP + columns * (wide + GAP), GAP + rows * (high + GAP)
    sheet = Image.new("RGB", whole, GROUND[scheme])
    for i, picture in enumerate(pictures):
        top = min(picture.height, picture.width * high // wide)
        shown = picture.crop((0, 0, picture.width, top))
        shown = shown.resize((wide, shown.height * wide // picture.width), Image.Resampling.LANCZOS)
        row, column = divmod(i, columns)
        sheet.paste(shown, (GAP + column * (wide + GAP), GAP + row * (high + GAP)))
    return sheet.quantize(256, kmeans=2, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
