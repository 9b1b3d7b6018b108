"""Where the mesh is and who calls, by arguments and environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemesh_client import ConfigurationError, Options


@pytest.mark.parametrize(
    ("address", "key", "settled"),
    [
        (None, None, ("127.0.0.1:50051", False)),
        ("mesh.example", None, ("mesh.example:50051", False)),
        (
            "mesh.example:1234",
            "em_k",
            ("mesh.example:1234", True),
        ),  # a key is not sent in the clear
        ("localhost:1234", "em_k", ("localhost:1234", False)),
        ("[::1]:1234", "em_k", ("[::1]:1234", False)),
        ("https://mesh.example", None, ("mesh.example:443", True)),
        ("https://mesh.example:50051/", None, ("mesh.example:50051", True)),
        ("http://localhost:50051", None, ("localhost:50051", False)),
        ("unix:///run/mesh.sock", "em_k", ("unix:/run/mesh.sock", False)),
    ],
)
def test_addresses(address: str | None, key: str | None, settled: tuple[str, bool]) -> None:
    options = Options.settle(address, api_key=key, environment={})
    assert (options.address, options.tls) == settled


def test_the_environment_is_used_and_arguments_win() -> None:
    environment = {"EDGEMESH_ADDRESS": "https://a:1", "EDGEMESH_API_KEY": "em_k"}
    options = Options.settle(environment=environment)
    assert (options.address, options.tls, options.bearer) == ("a:1", True, "em_k")
    assert "em_k" not in repr(options)
    options = Options.settle("b:2", token="t", tls=False, environment=environment)
    assert (options.address, options.tls, options.bearer) == ("b:2", False, "t")


def test_what_makes_no_sense_names_the_option(tmp_path: Path) -> None:
    def refused(option: str, **said: object) -> None:
        with pytest.raises(ConfigurationError) as error:
            Options.settle(environment={}, **said)  # type: ignore[arg-type]
        assert error.value.option == option

    refused("address", address="a:b:c")
    refused("address", address="a:99999")
    refused("timeout", timeout=float("nan"))
    (tmp_path / "no.pem").write_text("edgemesh")
    refused("ca", ca=tmp_path / "no.pem")
    refused("address", address="ftp://a")
    refused("address", address="http://mesh.example", api_key="em_k")
    refused("token", api_key="a", token="b")
    refused("api_key", api_key="a\nb")
    refused("timeout", timeout=0)
    refused("ca", ca=tmp_path / "none.pem")
    refused("certificate", certificate=tmp_path / "c.pem")
