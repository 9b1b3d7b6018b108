"""The pages that were written to are found, all of them, and new ones only after faults."""

from __future__ import annotations

import ctypes
import mmap
import multiprocessing
import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemesh_sandbox import pages
from edgemesh_sandbox.pages import PAGE_BYTES, Pages

COUNT = 64

pytestmark = pytest.mark.skipif(not pages.supported(), reason="the kernel tells no private pages")


@given(st.sets(st.integers(0, COUNT - 1)), st.sets(st.integers(0, COUNT - 1)))
@settings(deadline=None)
def test_private_pages_are_those_written_to(written: set[int], read: set[int]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(os.urandom(COUNT // 2 * PAGE_BYTES))  # half the image, half beyond it
        file.truncate(COUNT * PAGE_BYTES)
        file.flush()
        with mmap.mmap(file.fileno(), COUNT * PAGE_BYTES, mmap.MAP_PRIVATE) as mapping:
            view = (ctypes.c_ubyte * len(mapping)).from_buffer(mapping)
            watched = Pages(ctypes.addressof(view), len(mapping))
            for page in read:
                view[page * PAGE_BYTES]
            before = pages.faults()
            for page in written:
                view[page * PAGE_BYTES + 5] = 1
            assert pages.faults() - before >= len(written)
            again = pages.faults()
            for page in written:
                view[page * PAGE_BYTES + 6] = 1
            assert pages.faults() == again  # what is private faults no more
            found = watched.private()
            assert found is not None
            got = {p for a, b in found for p in range(a // PAGE_BYTES, b // PAGE_BYTES)}
            assert got == written
            del view, watched


def test_however_many_ranges_there_are_each_is_found_once_and_in_order() -> None:
    """More than the kernel tells at once, and than it holds before it tells."""
    count = 20_000
    with mmap.mmap(-1, count * PAGE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as mapping:
        view = (ctypes.c_ubyte * len(mapping)).from_buffer(mapping)
        watched = Pages(ctypes.addressof(view), len(mapping))
        for most in (700, count):
            for page in range(0, most, 2):
                view[page * PAGE_BYTES] = 1
            expected = [(p * PAGE_BYTES, (p + 1) * PAGE_BYTES) for p in range(0, most, 2)]
            assert watched.all_private(len(mapping)) == expected
        assert watched.private() is None
        del view, watched


def test_filled_in_pages_are_private_and_hold_the_files_bytes() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(bytes([7]) * 8 * PAGE_BYTES)
        file.flush()
        with mmap.mmap(file.fileno(), 8 * PAGE_BYTES, mmap.MAP_PRIVATE) as mapping:
            view = (ctypes.c_ubyte * len(mapping)).from_buffer(mapping)
            watched = Pages(ctypes.addressof(view), len(mapping))
            watched.fill_in([(PAGE_BYTES, 3 * PAGE_BYTES), (5 * PAGE_BYTES, 6 * PAGE_BYTES)])
            before = pages.faults()
            view[PAGE_BYTES] = view[5 * PAGE_BYTES] = 1
            took = pages.faults() - before
            assert view[PAGE_BYTES + 1] == view[7 * PAGE_BYTES] == 7
            del view, watched
    assert took in (0, 2)  # 2: a kernel without this call


def test_a_forked_child_does_not_look_at_its_parent() -> None:
    assert pages.supported()
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=lambda: send.send(pages.supported()))
    child.start()
    assert receive.poll(20)
    assert receive.recv() is True
    child.join()
