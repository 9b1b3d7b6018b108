"""A bill of materials (CycloneDX 1.6) of one image, from what `inventory` found in it.

Rules: a component is named by its package URL and is there once; a crate is told by the wheel that
it was compiled into.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

DEBIAN, PYTHON, CRATE = "deb", "pypi", "cargo"
"""Kinds of components, as package URLs name them."""


def bill(image: str, version: str, inventory: dict[str, Any]) -> Bom:
    """The bill of an image. `inventory` is what inventory.py printed inside it."""
    made = Bom()
    made.metadata.component = Component(
        name=image, version=version, type=ComponentType.CONTAINER, bom_ref=image
    )
    components = {str(each.purl): each for each in _components(inventory)}
    made.components.update(components.values())
    return made


def written(made: Bom) -> str:
    """It as JSON. Raises ValueError where the schema says that it is none."""
    text = JsonV1Dot6(made).output_as_string(indent=1)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"not a bill of materials: {error}")
    return text


def counts(made: Bom) -> dict[str, int]:
    """How many components there are of each kind."""
    kinds = [each.purl.type for each in made.components if each.purl is not None]
    return {kind: kinds.count(kind) for kind in (DEBIAN, PYTHON, CRATE)}


def _components(inventory: dict[str, Any]) -> Iterator[Component]:
    for name, version, architecture in inventory["debian"]:
        yield _component(PackageURL(DEBIAN, "debian", name, version, {"arch": architecture}), "")
    for each in inventory["python"]:
        yield _component(PackageURL(PYTHON, None, each["name"], each["version"]), each["licence"])
        for inner in each["compiled"]:
            yield from _compiled(inner)


def _compiled(found: dict[str, Any]) -> Iterator[Component]:
    for each in found.get("components", ()):
        if not str(each.get("purl", "")).startswith("pkg:cargo/"):
            continue  # system libraries of a wheel, which are parts of the wheel itself
        said = [one.get("expression", "") for one in each.get("licenses", ())]
        purl = PackageURL(CRATE, None, each["name"], each["version"])
        yield _component(purl, next(filter(None, said), ""))


def _component(purl: PackageURL, licence: str) -> Component:
    made = Component(
        name=purl.name,
        version=purl.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
    )
    if licence:
        made.licenses.add(LicenseFactory().make_from_string(licence))
    return made
