"""Each page in a real browser, on a real mesh."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import looking, write
from playwright.async_api import Browser, Page, expect

from edgemesh_client import AsyncClient, JobState
from edgemesh_dashboard.pages.frame import PLACES
from edgemesh_dashboard.pages.playground.wave_file import tone
from edgemesh_local.mesh import Mesh

expect.set_options(timeout=60_000)


async def test_the_topology_shows_each_executor_and_its_workers(page: Page, mesh: Mesh) -> None:
    await page.goto("/")
    gateway = page.get_by_role("region", name="Gateway")
    await expect(gateway.get_by_text("Serving")).to_be_visible()
    for name in mesh.executors:
        executor = page.get_by_role("region", name=name, exact=True)
        await expect(executor.get_by_text("Up")).to_be_visible()
        await expect(executor.get_by_role("progressbar", name="slots in use")).to_be_visible()
        await expect(executor.get_by_text(re.compile(r"Workers: .*idle"))).to_be_visible()
    await expect(page.get_by_text(re.compile(r"Now [\d.]+ a second"))).to_be_visible()


@pytest.mark.needs("pywasm")
async def test_queues_show_who_has_slots(page: Page, mesh: Mesh) -> None:
    async with AsyncClient(mesh.address("gateway")) as client:
        job = await client.submit("python.run", code="while True: pass", job_timeout_s=60)
        await page.goto("/queues")
        executor = page.get_by_role("region", name="pywasm")
        await expect(executor.get_by_text("1 of 2 slots in use")).to_be_visible()
        await job.cancel()
        await expect(executor.get_by_text("0 of 2 slots in use")).to_be_visible()
    await expect(page.get_by_text("need the scope admin, which you lack")).to_be_visible()


@pytest.mark.needs("pywasm")
async def test_a_program_runs_and_its_request_is_found(page: Page) -> None:
    await page.goto("/playground")
    editor = page.get_by_role("textbox", name="Python program")
    await expect(editor).to_contain_text("import numpy")
    await editor.press("Control+Enter")
    await expect(page.get_by_alt_text("Figure")).to_be_visible()
    await expect(page.get_by_role("log", name="What the program prints")).to_contain_text("step 2")
    await expect(page.get_by_label("Value")).to_contain_text("'n': 400")
    await page.goto("/requests")
    await page.get_by_role("button", name="Show").first.click()
    record = page.get_by_role("region", name="One request")
    await expect(record.get_by_role("img", name=re.compile("Time: gateway"))).to_be_visible()
    await expect(record.get_by_text("not traced")).to_be_visible()


@pytest.mark.needs("pywasm")
async def test_a_session_goes_on_and_an_exception_is_shown(page: Page) -> None:
    await page.goto("/playground")
    await page.get_by_role("switch", name="Session").click()
    await page.get_by_label("Session's name").fill("dashboard-test")
    await write(page, "x = 41")
    await run(page)
    await write(page, "x + 1")
    await run(page)
    await expect(page.get_by_label("Value")).to_have_text("42")
    await write(page, "1 / 0")
    await run(page)
    await expect(page.get_by_text("EXCEPTION", exact=True)).to_be_visible()
    await expect(page.get_by_text("ZeroDivisionError").first).to_be_visible()
    await page.get_by_role("button", name="Forget it").click()
    await expect(page.get_by_text("The session dashboard-test is forgotten.")).to_be_visible()


@pytest.mark.needs("cpp")
async def test_the_spectrum_of_a_file_is_drawn(page: Page) -> None:
    await page.goto("/playground")
    await page.get_by_role("tab", name="Spectrum").click()
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="A WAV file").click()
    sound: Any = {"name": "tone.wav", "mimeType": "audio/wav", "buffer": tone()}
    await (await chooser.value).set_files(sound)
    await expect(page.get_by_text("tone.wav: 8,000 samples")).to_contain_text("440.0 Hz")
    await expect(page.get_by_role("img", name="Spectrum: level by frequency")).to_be_visible()


@pytest.mark.needs("ml")
async def test_a_chat_streams_its_answer(page: Page) -> None:
    await page.goto("/playground")
    await page.get_by_role("tab", name="Chat").click()
    await page.get_by_label("Tokens at most").fill("8")
    await page.get_by_label("Say something").fill("Say hello.")
    await page.get_by_label("Say something").press("Enter")
    talk = page.get_by_role("log", name="Conversation")
    await expect(talk).to_contain_text(re.compile(r"Say hello\.\w"), timeout=90_000)
    await expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=90_000)


async def test_a_picture_without_a_detector_says_what_is_lacking(page: Page) -> None:
    await page.goto("/playground")
    await page.get_by_role("tab", name="Picture").click()
    await expect(page.get_by_text("No detector is there: ml.detect is offered")).to_be_visible()


@pytest.mark.needs("pywasm")
async def test_a_function_is_registered_served_and_deleted(page: Page, mesh: Mesh) -> None:
    await page.goto("/algorithms")
    await page.get_by_role("button", name="Register one").click()
    await page.get_by_role("button", name="Register", exact=True).click()
    await page.get_by_label("Filter by name or description").fill("triple")
    await expect(page.get_by_text("python.triple", exact=True)).to_be_visible()
    async with AsyncClient(mesh.address("gateway")) as client:
        assert (await client.compute("python.triple", x=14.0)).value == 42.0
    await page.get_by_role("button", name="Delete python.triple@1").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_text("None fits the filter.")).to_be_visible()


@pytest.mark.needs("ml")
async def test_a_model_is_unloaded_and_loaded(page: Page, mesh: Mesh) -> None:
    async with AsyncClient(mesh.address("gateway")) as client:
        (model, *_) = await client.models()
        name = f"{model.name}@{model.version}"
        await client.load_model(name)
        await page.goto("/models")
        await page.get_by_role("button", name=f"Unload {name}", exact=True).click()
        load = page.get_by_role("button", name=f"Load {name}", exact=True)
        await expect(load).to_be_visible(timeout=90_000)
        assert name not in await loaded(client)
        await load.click()
        unload = page.get_by_role("button", name=f"Unload {name}", exact=True)
        await expect(unload).to_be_visible(timeout=90_000)
        assert name in await loaded(client)
        await expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.needs("pywasm")
async def test_a_job_is_watched_cancelled_and_forgotten(page: Page, mesh: Mesh) -> None:
    async with AsyncClient(mesh.address("gateway")) as client:
        code = "print('begun', flush=True)\nwhile True: pass"
        job = await client.submit("python.run", code=code, job_timeout_s=120)
        await page.goto("/jobs")
        short = job.id[:12]
        await page.get_by_role("button", name=f"Watch job {short}").click()
        told = page.get_by_role("log", name="What happened to the job")
        await expect(told).to_contain_text("begun")
        await page.get_by_role("button", name=f"Cancel job {short}").click()
        await expect(told).to_contain_text("CANCELLED")
        assert (await job.wait(30)).state is JobState.CANCELLED
    await page.get_by_role("button", name=f"Forget job {short}").click()
    await expect(page.get_by_text(job.id, exact=True)).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_is_wider_than_a_telephone(
    browser: Browser, dashboard: str, scheme: Any
) -> None:
    size = {"width": 360, "height": 740}
    async with looking(browser, dashboard, viewport=size, color_scheme=scheme) as page:
        for path, name, _ in PLACES:
            await page.goto(path)
            await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
            dark = "document.body.classList.contains('body--dark')"
            assert await page.evaluate(dark) == (scheme == "dark")
            assert await page.evaluate("document.documentElement.scrollWidth") == 360
        await page.get_by_role("button", name="Pages").click()
        await page.get_by_role("link", name="Queues").click()
        await expect(page.get_by_role("heading", name="Queues", level=1)).to_be_visible()


async def test_a_keyboard_reaches_all_and_everything_has_a_name(page: Page) -> None:
    await page.goto("/jobs")
    await expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.tagName") == "MAIN"
    for path, name, _ in PLACES:
        await page.goto(path)
        await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        await expect(page.get_by_role("button", name=re.compile("^Colours: "))).to_be_visible()
        assert await page.evaluate(NAMELESS) == []


NAMELESS = """
[...document.querySelectorAll('button, a[href], input, select, textarea, [role=textbox], img')]
  .filter(it => it.offsetParent !== null && it.tabIndex >= 0 || it.tagName === 'IMG')
  .filter(it => !(it.getAttribute('aria-label') || it.alt || it.textContent.trim() || it.title
                  || it.labels?.length || it.closest('label')))
  .map(it => it.outerHTML.slice(0, 200))
"""


async def loaded(client: AsyncClient) -> set[str]:
    """The models in memory."""
    return {f"{each.name}@{each.version}" for each in await client.models() if each.loaded}


async def run(page: Page) -> None:
    """Run it, to its end."""
    button = page.get_by_role("button", name="Run")
    done = int(await button.get_attribute("data-done") or 0)
    await button.click()
    await expect(button).to_have_attribute("data-done", str(done + 1))
