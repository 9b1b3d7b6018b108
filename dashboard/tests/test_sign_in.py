"""A gateway that demands keys: sign-in, what a key may not do, keys made and revoked."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from conftest import dashboard_of, looking, mesh_of
from playwright.async_api import Browser, Page, expect

from edgemesh_client import AsyncClient, Unauthenticated
from edgemesh_local.environments import interpreter
from edgemesh_local.mesh import Mesh

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
async def locked(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[tuple[Mesh, Path]]:
    """A mesh that demands a key, and its folder."""
    folder = tmp_path_factory.mktemp("locked")
    async with mesh_of(folder, {"IDENTITY": "required"}) as mesh:
        yield mesh, folder


@pytest.fixture
async def page(
    browser: Browser, locked: tuple[Mesh, Path], monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Page]:
    """A page of that mesh's dashboard, whose environment has a key: nobody must get it."""
    mesh, folder = locked
    monkeypatch.setenv("EDGEMESH_API_KEY", make_key(folder, "operators", "admin"))
    async with dashboard_of(mesh) as url, looking(browser, url) as opened:
        yield opened


def make_key(folder: Path, tenant: str, scope: str) -> str:
    """A key, as an operator makes the first."""
    root = Path(__file__).parents[2]
    command = [str(interpreter(root / "gateway")), "-m", "edgemesh_gateway", "keys", "create"]
    made = subprocess.run(
        [*command, "--tenant", tenant, "--scope", scope],
        env={"EDGEMESH_GATEWAY_DATABASE": f"sqlite:///{folder}/gateway.db"},
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


async def sign_in(page: Page, key: str) -> None:
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def test_a_key_is_needed_checked_and_forgotten(page: Page, locked: tuple[Mesh, Path]) -> None:
    key = make_key(locked[1], "physics", "cpp.*")
    await page.goto("/algorithms")
    await expect(page).to_have_url(re.compile(r"/sign-in\?to=/algorithms"))
    await sign_in(page, "em_nobodyhasthis")
    await expect(page.get_by_text("The gateway does not know this key.")).to_be_visible()
    await sign_in(page, key)
    await expect(page.get_by_role("heading", name="Algorithms", level=1)).to_be_visible()
    cookies = await page.context.cookies()
    assert [each.get("httpOnly") for each in cookies] == [True]
    assert key not in str(cookies)
    await page.goto("/keys")
    await expect(page.get_by_text("This needs the scope admin, which you lack")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in to edgemesh")).to_be_visible()
    await page.goto("/")
    await expect(page).to_have_url(re.compile("/sign-in"))


async def test_a_key_is_shown_once_works_and_is_revoked(
    page: Page, locked: tuple[Mesh, Path]
) -> None:
    mesh, folder = locked
    await page.goto("/keys")
    await sign_in(page, make_key(folder, "operators", "admin"))
    await page.get_by_label("Tenant", exact=True).fill("chemistry")
    await page.get_by_label("Scopes, with spaces between").fill("cpp.* python.run")
    await page.get_by_role("button", name="Make the key").click()
    secret = await page.get_by_label("The new key").inner_text()
    assert secret.startswith("em_")
    async with AsyncClient(mesh.address("gateway"), api_key=secret) as client:
        assert await client.algorithms()
        await page.get_by_role("button", name="I have it").click()
        await expect(page.get_by_text(secret)).to_be_hidden()
        assert secret not in await page.content()
        prefix = secret[: len("em_") + 12]
        await page.get_by_role("button", name=f"Revoke key {prefix}").click()
        await page.get_by_role("button", name="Revoke", exact=True).click()
        await expect(page.get_by_role("button", name=f"Revoke key {prefix}")).to_be_hidden()
        with pytest.raises(Unauthenticated):
            await _call_until_refused(client)


async def _call_until_refused(client: AsyncClient) -> None:
    """The gateway knows of a revoked key within a second."""
    while True:
        await client.algorithms()


async def test_a_dashboard_says_that_its_gateway_is_away(browser: Browser, tmp_path: Path) -> None:
    async with (
        mesh_of(tmp_path, {}) as mesh,
        dashboard_of(mesh) as url,
        looking(browser, url) as page,
    ):
        await mesh.stop_service("gateway", grace=5)
        await page.goto("/")
        await expect(page.get_by_text("Load and health are not known")).to_be_visible()
        await page.goto("/jobs")
        await expect(page.get_by_text("The gateway cannot be reached.")).to_be_visible()
        await mesh.start_service("gateway")
        await expect(page.get_by_text("There are none: the playground")).to_be_visible()
