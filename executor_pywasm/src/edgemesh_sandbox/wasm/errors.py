"""What is raised for bytes that are no module of the kind expected."""

from __future__ import annotations


class WasmFormatError(ValueError):
    """The bytes at `offset` are not what the binary format or the splitter expects."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at byte {offset})")
        self.offset = offset
