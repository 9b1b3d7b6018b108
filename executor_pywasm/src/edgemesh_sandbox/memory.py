"""A guest's linear memory, read and written in place.

Rules: every address and length comes from the guest and is checked against the memory's size,
or `OutOfBounds` is raised. The memory never moves (wasm32's 4 GiB are reserved at once), so its
base is asked for once; it may grow.
"""

from __future__ import annotations

import ctypes
import struct

import wasmtime

_WASM_PAGE = 1 << 16
_WRITABLE = 0x200  # PyBUF_WRITE
# An array type of ctypes' costs 20 µs for every length that it has not seen yet.
_memory_at = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)


class OutOfBounds(Exception):
    """The guest named a place outside of its memory."""


class GuestMemory:
    """The memory of one guest; unusable once its store is closed."""

    __slots__ = ("_known", "_memory", "_store", "base")

    def __init__(self, store: wasmtime.Store, memory: wasmtime.Memory) -> None:
        self._store, self._memory = store, memory
        self.base = ctypes.addressof(memory.data_ptr(store).contents)
        """Its address in this process."""
        self._known = 0  # it had at least this size; asking costs more than reading

    def size(self) -> int:
        """Its size in bytes."""
        self._known = self._memory.data_len(self._store)
        return self._known

    def grow_to(self, nbytes: int) -> None:
        """Have at least this size. Raises `MemoryError` where the system has not."""
        missing = nbytes - self.size()
        if missing > 0:
            try:
                self._memory.grow(self._store, -(-missing // _WASM_PAGE))
            except wasmtime.WasmtimeError as error:
                raise MemoryError(str(error)) from None
            self.size()

    def view(self, address: int, length: int) -> memoryview:
        """`length` bytes at `address`, not copied."""
        end = address + length
        if address < 0 or length < 0 or (end > self._known and end > self.size()):
            raise OutOfBounds(f"{length} bytes at {address} are outside of the guest's memory")
        return _memory_at(self.base + address, length, _WRITABLE)

    def write(self, address: int, data: bytes | memoryview) -> None:
        """Copy `data` to `address`."""
        self.view(address, len(data))[:] = data

    def word(self, address: int) -> int:
        """The 32-bit word at `address`."""
        return struct.unpack("<I", self.view(address, 4))[0]
