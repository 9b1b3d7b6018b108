"""Arrays drawn: in the terminal, and to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from terminal import edgemesh

from edgemesh_client.cli import plot
from edgemesh_client.cli.given import BadInput

X = np.sin(np.arange(64) * 2 * np.pi / 8)


@pytest.mark.needs("cpp")
async def test_a_spectrum_is_drawn_with_its_two_peaks(address: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    said = await edgemesh(address, "run", "cpp.fft", "-i", "x=@x.npy", "--plot", cwd=tmp_path)
    assert said.code == 0, said.err
    top = next(line for line in said.out.splitlines() if line.startswith("32.0"))
    assert len(top.strip("│").split("┤")[1].split()) == 2
    assert "\x1b" not in said.out


@pytest.mark.needs("cpp")
@pytest.mark.parametrize(("name", "begins"), [("y.png", b"\x89PNG"), ("y.svg", b"<?xml")])
async def test_it_is_drawn_to_a_file(
    address: str, tmp_path: Path, name: str, begins: bytes
) -> None:
    np.save(tmp_path / "x.npy", X)
    words = ("run", "cpp.fft", "-i", "x=@x.npy", "--plot-to", name)
    said = await edgemesh(address, *words, cwd=tmp_path)
    assert (said.code, said.out) == (0, ""), said.err
    assert (tmp_path / name).read_bytes().startswith(begins)


async def test_a_picture_of_another_kind_is_refused_before_work() -> None:
    said = await edgemesh("127.0.0.1:1", "run", "cpp.fft", "--plot-to", "y.gif")
    assert said.code == 2
    assert "a name that ends in .png, .svg, .pdf is expected" in said.err


def test_a_peak_is_not_lost_among_many_points() -> None:
    flat = np.zeros(1_000_000)
    flat[123_456] = 5.0
    text = plot.text({"y": flat}, colours=False)
    assert text.lstrip().startswith("y")
    assert "5.0" in text
    assert len(text) < 10_000


def test_a_matrix_is_shades_and_few_rows_are_lines() -> None:
    shades = plot.text({"m": np.arange(400.0).reshape(20, 20)}, colours=False).splitlines()
    assert (shades[0], shades[1][0], shades[20][19]) == ("m", " ", "@")
    assert shades[-1] == "' ' 0 to '@' 399"
    assert "┤" in plot.text({"m": np.ones((2, 9)) * [[1], [2]]}, colours=False)


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(BadInput, match=r"a: float64\[2, 3, 4\], b: bytes"):
        plot.text({"a": np.ones((2, 3, 4)), "b": b"x"}, colours=False)
