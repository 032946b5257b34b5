"""Pages in a real browser: the system's Chromium, driven by Playwright; tests skip where one of them is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu")
HEIGHT = 900  # pixels


@dataclass
class Opened:
    """A page, and all that must not have happened on it.

    Attributes
    ----------
    page : playwright.sync_api.Page
        To drive.
    problems : list of str
        Errors and warnings on the console, what the security policy refused among them, errors that no script caught,
        and dialogs.
    requests : list of str
        Addresses of everything that was asked for but files and data of the page's own.
    """

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        """Fail if the page has complained, or asked for anything."""
        assert not self.problems, f"the page complains: {self.problems}"
        assert not self.requests, f"the page asks for {self.requests}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser, or skip the test that asks for it: what a module's fixture ``browser`` is made of."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium on this machine: none of {', '.join(NAMES)} is on the PATH")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=list(ARGUMENTS), headless=True)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def open_page(
    browser: Browser,
    path: Path,
    width: int = 1_200,
    colour_scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
) -> Iterator[Opened]:
    """Open a file as a reader would, and record what it complains about and asks for.

    Parameters
    ----------
    browser : Browser
        Of :func:`chromium`.
    path : Path
        An HTML file.
    width : int
        Of the window, in pixels.
    colour_scheme : str
        What the reader prefers.
    scripts : bool
        Whether scripts run.
    """
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT}, color_scheme=colour_scheme, java_script_enabled=scripts
    )
    try:
        opened = Opened(context.new_page())
        _record(opened)
        opened.page.goto(path.resolve().as_uri())
        yield opened
    finally:
        context.close()


def _record(opened: Opened) -> None:
    page = opened.page
    page.on("console", lambda said: opened.problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: opened.problems.append(str(error)))

    def dismiss(dialog: object) -> None:
        opened.problems.append(f"dialog: {dialog.message}")  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", dismiss)
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:", "blob:")) else opened.requests.append(asked.url),
    )
