"""A stamp holds while what it lists stands, and not a moment longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgemesh_local import stamp


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "product"
    path.write_text("whole")
    return path


@pytest.fixture
def mark(tmp_path: Path, product: Path) -> Path:
    path = tmp_path / "stamps" / "mark.json"
    stamp.write(path, "key", [product])
    return path


def test_it_holds_for_its_key_only(mark: Path, product: Path) -> None:
    assert stamp.holds(mark, "key")
    assert stamp.holds(mark, "another", "key")
    assert not stamp.holds(mark, "another")
    assert stamp.products(mark) == [product]


def test_a_product_that_is_gone_breaks_it(mark: Path, product: Path) -> None:
    product.unlink()
    assert not stamp.holds(mark, "key")


def test_a_product_cut_short_breaks_it(mark: Path, product: Path) -> None:
    status = product.stat()
    product.write_text("who")
    os.utime(product, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not stamp.holds(mark, "key")


def test_a_product_written_again_breaks_it(mark: Path, product: Path) -> None:
    os.utime(product, ns=(0, 0))
    assert not stamp.holds(mark, "key")


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"key": "key"}', '{"products": {}}'])
def test_a_torn_stamp_is_none(mark: Path, text: str) -> None:
    mark.write_text(text)
    assert not stamp.holds(mark, "key")


def test_a_removed_stamp_is_none(mark: Path) -> None:
    stamp.remove(mark)
    stamp.remove(mark)
    assert not stamp.holds(mark, "key")
