"""Settings, a page for each service: all that it reads, its own and what every service has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgemesh_docs.tables import code, plain, table
from edgemesh_local import reading
from edgemesh_local.service import Service, all_services

_HEAD = ("variable", "what it does")


def pages(root: Path) -> Iterator[tuple[str, str]]:
    """Each page's place below the reference, and its text. Raises reading.NotUnderstood."""
    families = {family.name: family for family in reading.families(root)}
    for service in all_services(root).values():
        own = next(each for each in families.values() if each.prefix == service.env_prefix)
        yield f"settings/{service.name}.md", "\n".join(_text(service, own, families))


def _text(
    service: Service, own: reading.Family, families: dict[str, reading.Family]
) -> Iterator[str]:
    yield f"# Settings of {service.name}\n"
    yield (
        f"`{service.env_prefix}<NAME>` in the environment, or `<name>` in the TOML file that "
        f"`{service.env_prefix}CONFIG` names; the environment wins. Unknown names are refused. "
        "Made from the services' sources when this site is built.\n"
    )
    chain = [own]
    while chain[-1].base in families:
        chain.append(families[chain[-1].base])
    seen: set[str] = set()
    for family in chain:
        settings = [each for each in family.settings if each.name not in seen]
        seen |= {each.name for each in settings}
        yield f"## {_title(family, service)}\n"
        yield table(_HEAD, (_row(service, each) for each in settings)) + "\n"


def _title(family: reading.Family, service: Service) -> str:
    if family.prefix:
        return f"Of {service.name} alone"
    return "Of every executor" if family.name.startswith("Executor") else "Of every service"


def _row(service: Service, setting: reading.Setting) -> tuple[str, ...]:
    shared = setting.name.startswith("EDGEMESH_")
    name = setting.name if shared else service.env_prefix + setting.name
    default = f"default {code(setting.default)}" if setting.default else ""
    facts = "; ".join(each for each in (plain(setting.kind), setting.bounds, default) if each)
    return code(name), f"{plain(setting.text)}<br>*{facts}*"
