"""How soon each page of a site can be seen, and how many bytes it takes to get there.

A site is served on loopback and each page opened in Chromium with an empty cache, so often. First
contentful paint is what the browser says itself; bytes are those of all answers together, until
nothing more is asked for. The first line is a page of one word that needs no server: what the
browser itself takes on this machine, as busy as it is. Linux, with Debian's chromium
(``.ci/browser``).

::

    python benchmarks/pages.py [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from serving import running_site  # beside this file

ONE_WORD = "data:text/html,<p>word</p>"
PAGES = ("/", "/western", "/indian", "/history", "/models", "/about", "/docs")
MAX_PAINT, MAX_BYTES = 300.0, 150_000  # what is promised: milliseconds, bytes
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
_PAINT = """() => new Promise((tell) => {
    new PerformanceObserver((list, observer) => {
        for (const entry of list.getEntriesByName("first-contentful-paint")) {
            observer.disconnect();
            tell(entry.startTime);
        }
    }).observe({type: "paint", buffered: true});
})"""


async def _open(browser: Browser, address: str) -> tuple[float, int]:
    """Open a page as a new visitor; give its first paint in milliseconds, and bytes."""
    context = await browser.new_context()
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    sizes: list[int] = []

    def note(event: dict[str, Any]) -> None:
        sizes.append(int(event["encodedDataLength"]))

    session.on("Network.loadingFinished", note)
    await page.goto(address, wait_until="networkidle")
    # Pictures further down are asked for once they come into sight.
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await page.wait_for_load_state("networkidle")
    paint = float(await page.evaluate(_PAINT))
    await context.close()
    return paint, sum(sizes)


async def _measure(url: str, rounds: int) -> bool:
    """Print a table; tell whether all pages keep what is promised."""
    kept = True
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(_OPTIONS)
        )
        await _open(browser, url)  # the browser's own first time
        print(f"{'page':10}  first paint, ms (least to most)  transfer, kB")
        for page, address in (("one word", ONE_WORD), *((p, url + p) for p in PAGES)):
            seen = [await _open(browser, address) for _ in range(rounds)]
            paints = sorted(paint for paint, _ in seen)
            paint, n_bytes = statistics.median(paints), max(size for _, size in seen)
            kept = kept and paint < MAX_PAINT and n_bytes < MAX_BYTES
            spread = f"({paints[0]:.0f} to {paints[-1]:.0f})"
            print(f"{page:10}  {paint:15.0f} {spread:>18}  {n_bytes / 1000:12.1f}")
        await browser.close()
    return kept


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if shutil.which("chromium") is None:
        sys.exit("chromium is not installed; .ci/browser installs it")
    with tempfile.TemporaryDirectory() as folder, running_site(1, Path(folder)) as (url, _):
        kept = asyncio.run(_measure(url, given.rounds))
    if not kept:
        sys.exit(f"more than {MAX_PAINT:.0f} ms or {MAX_BYTES / 1000:.0f} kB")


if __name__ == "__main__":
    main()
