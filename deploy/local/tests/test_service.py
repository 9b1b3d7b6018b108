"""What a `service.toml` may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemesh_local.layout import Layout
from edgemesh_local.service import BadService, all_services, load, select

TOML = 'name = "one"\nmodule = "m"\nenv_prefix = "P_"\nport = 1\nmetrics_port = 2\n'


def written(folder: Path, text: str) -> Path:
    (folder / "service.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TOML + 'colour = "red"', "unknown key 'colour' in service"),
        (TOML + '[[steps]]\nname = "s"\ninput = []', "unknown key 'input' in step"),
        (TOML + "[needs]\ntool = 1", "unknown key 'tool' in needs"),
        (TOML.replace("port = 1\n", "", 1), "service lacks 'port'"),
        ("name = ", "Invalid value"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(BadService, match=problem):
        load(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadService, match=r"service\.toml"):
        load(tmp_path)


def test_all_of_it_is_read(tmp_path: Path) -> None:
    service = load(
        written(
            tmp_path,
            TOML + '[needs]\npackages = ["g++"]\ntools = { cmake = "3.16" }\n'
            '[[steps]]\nname = "s"\ninputs = ["a"]\ncommand = ["b"]\nproduces = ["c"]\n'
            'install = true\n[[tests]]\nname = "t"\ncommand = ["d"]\nenv = { E = "f" }\n'
            '[tests.needs]\ntools = { cargo = "1.85" }\n',
        )
    )
    assert service.needs.packages == ("g++",)
    assert service.needs.tools == {"cmake": "3.16"}
    assert service.steps[0].install
    assert not service.steps[0].in_environment
    assert service.tests[0].needs.tools == {"cargo": "1.85"}
    assert not service.is_gateway


def test_the_gateway_comes_last_and_always(house: Layout) -> None:
    assert list(all_services(house.root)) == ["one", "two", "gateway"]
    assert [service.name for service in select(house.root, ("two",))] == ["two", "gateway"]


def test_this_checkout_s_services_have_the_ports_they_are_known_by() -> None:
    services = all_services(Layout.here().root)
    ports = {name: (each.port, each.metrics_port) for name, each in services.items()}
    assert ports == {
        "cpp": (50061, 9061),
        "ml": (50062, 9062),
        "pywasm": (50063, 9063),
        "gateway": (50051, 9051),
    }
