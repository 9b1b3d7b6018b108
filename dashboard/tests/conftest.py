"""One mesh and one dashboard of it for the whole session, and a browser that looks."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright

from edgemesh_local.mesh import Mesh
from edgemesh_local.supervised import Supervised

EXECUTORS = ("cpp", "ml", "pywasm")
START_S = 240.0
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")


def chosen() -> tuple[str, ...]:
    """The executors under test: all, or those that EXECUTORS names."""
    named = os.environ.get("EXECUTORS", "")
    return tuple(name for name in named.split(",") if name) or EXECUTORS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs an executor, or a browser, that is not there."""
    for item in items:
        for marker in item.iter_markers("needs"):
            if missing := set(marker.args) - set(chosen()):
                item.add_marker(pytest.mark.skip(reason=f"not under test: {', '.join(missing)}"))
        looks = "browser" in getattr(item, "fixturenames", ())
        if looks and CHROMIUM is None and "CI" not in os.environ:
            item.add_marker(
                pytest.mark.skip(reason="there is no chromium: apt-get install chromium")
            )


@asynccontextmanager
async def mesh_of(folder: Path, gateway: dict[str, str]) -> AsyncGenerator[Mesh]:
    """A small mesh; `gateway`: further settings of its gateway."""
    settings: dict[str, dict[str, str]] = {
        name: {"WORKERS": "1", "SPARES": "0"} for name in chosen()
    }
    if "pywasm" in settings:
        settings["pywasm"] |= {"WORKERS": "2", "SESSION_DIR": str(folder / "sessions")}
    settings["gateway"] = {"DATABASE": f"sqlite:///{folder}/gateway.db"} | gateway
    async with Mesh(chosen(), settings=settings) as running:
        yield running


@asynccontextmanager
async def dashboard_with(**settings: str) -> AsyncGenerator[str]:
    """A dashboard with these settings, in a process of its own; gives its URL."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EDGEMESH_D")}
    env |= {
        f"EDGEMESH_DASHBOARD_{name}": value for name, value in {"PORT": "0", **settings}.items()
    }
    said: list[str] = []
    process = Supervised(
        "dashboard",
        [sys.executable, "-m", "edgemesh_dashboard"],
        env,
        restart=False,
        show=lambda _, line: said.append(line),
    )
    process.start()
    try:
        serving = await process.wait_serving(START_S)
        yield f"http://{serving.http}"
    finally:
        await process.stop(grace=10)
    faults = [line for line in said if "Traceback" in line or " ERROR " in line]
    assert not faults, "\n".join(said)


def dashboard_of(mesh: Mesh, **settings: str) -> AbstractAsyncContextManager[str]:
    """A dashboard of this mesh."""
    return dashboard_with(
        GATEWAY=mesh.address("gateway"),
        GATEWAY_METRICS=mesh.metrics("gateway"),
        EXECUTOR_METRICS=json.dumps({name: mesh.metrics(name) for name in mesh.executors}),
        **settings,
    )


@pytest.fixture(scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Mesh]:
    """The mesh; its gateway demands no key."""
    async with mesh_of(tmp_path_factory.mktemp("mesh"), {}) as running:
        yield running


@pytest.fixture(scope="session")
async def dashboard(mesh: Mesh) -> AsyncGenerator[str]:
    """Where the dashboard of that mesh is."""
    async with dashboard_of(mesh, TRACE_URL="http://127.0.0.1:1/trace/{trace_id}") as url:
        yield url


@pytest.fixture(scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """The system's Chromium, without a window."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        await launched.close()


@asynccontextmanager
async def looking(browser: Browser, url: str, **options: Any) -> AsyncGenerator[Page]:
    """A page of a browser of its own; whatever it asks of another host fails the test, and so does
    what it says as an error."""
    context = await browser.new_context(base_url=url, **options)
    context.set_default_timeout(120_000)
    # Chromium drops what it loads when an interface of the machine comes or goes.
    await context.route("**/_nicegui/**", _load)
    opened = await context.new_page()
    own = (url, "data:", "blob:")
    foreign: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda it: None if it.url.startswith(own) else foreign.append(it.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda it: errors.append(it.text) if it.type == "error" else None)
    yield opened
    await context.unroute_all(behavior="ignoreErrors")
    await context.close()
    assert not foreign
    assert not [error for error in errors if "ERR_NETWORK_CHANGED" not in error]


async def _load(route: Route) -> None:
    """Load it; the server may close a connection that it kept just when it is used again."""
    if route.request.method == "GET":
        await route.fulfill(response=await route.fetch(max_retries=5))
    else:
        await route.continue_()


@pytest.fixture
async def page(browser: Browser, dashboard: str) -> AsyncGenerator[Page]:
    """A page of the dashboard."""
    async with looking(browser, dashboard) as opened:
        yield opened


async def write(page: Page, code: str) -> None:
    """Put a program into the editor."""
    editor = page.get_by_role("textbox", name="Python program")
    await editor.click()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(code)
    await page.wait_for_function(
        "code => document.querySelector('.cm-content').innerText.trim() === code.trim()", arg=code
    )
