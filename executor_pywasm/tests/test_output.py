"""The log is the guest's memory: what is forged in it must do no harm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgemesh_sandbox.guest import layout
from edgemesh_sandbox.guest.console import Block, open_stdin, open_streams
from edgemesh_sandbox.output import Output

PIECES = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=3000)), max_size=30
)


def connected(limit: int = 1 << 30) -> tuple[Block, Output, list[tuple[str, str]]]:
    """Guest and host over one block, as in a run, natively."""
    told: list[tuple[str, str]] = []
    block = Block(lambda _: output.empty_log())
    output = Output(memoryview(block.memory), limit, lambda name, text: told.append((name, text)))
    return block, output, told


@given(PIECES, st.integers(1, 9))
def test_what_is_written_is_read_in_order(pieces: list[tuple[str, str]], every: int) -> None:
    block, output, told = connected()
    out, err = open_streams(block)
    streams = {"stdout": out, "stderr": err}
    for n, (stream, text) in enumerate(pieces):
        streams[stream].write(text)
        if n % every == 0:
            output.take_log()
    output.close()
    for stream, number in (("stdout", layout.STDOUT), ("stderr", layout.STDERR)):
        expected = "".join(text for name, text in pieces if name == stream)
        assert output.text(number) == expected
        assert "".join(text for name, text in told if name == stream) == expected
    assert not output.exceeded


@given(st.integers(0, 200_000))
def test_long_pieces_pass_through_a_full_log(size: int) -> None:
    block, output, _ = connected()
    out, _err = open_streams(block)
    out.write("first")
    out.buffer.write((bytes(range(256)) * (size // 256 + 1))[:size])
    out.write("last")
    output.close()
    middle = (bytes(range(256)) * (size // 256 + 1))[:size].decode(errors="replace")
    assert output.text(layout.STDOUT) == f"first{middle}last"


def test_an_emptied_log_that_is_looked_at_before_the_guest_goes_on_is_empty() -> None:
    def drain(_: bytes) -> None:
        output.empty_log()
        output.take_log()  # as a tick does, between the host's answer and the guest's next word

    block = Block(drain)
    output = Output(memoryview(block.memory), 1 << 30, None)
    out, _err = open_streams(block)
    lines = [f"{n:07}{'x' * 992}\n" for n in range(500)]
    for line in lines:
        out.write(line)
    output.close()
    assert output.text(layout.STDOUT) == "".join(lines)


@given(st.binary(max_size=400), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_forged_log_is_read_within_its_bounds(data: bytes, first: int, second: int) -> None:
    block, output, _ = connected(limit=100)
    block.memory[layout.HEADER_BYTES : layout.HEADER_BYTES + len(data)] = data
    for end in (first, second):
        at = 4 * layout.WORD_LOG
        block.memory[at : at + 4] = end.to_bytes(4, "little")
        output.take_log()
    output.close()
    assert len(output.text(layout.STDOUT)) + len(output.text(layout.STDERR)) <= 100


def test_the_limit_keeps_what_fits_and_says_that_there_was_more() -> None:
    block, output, _ = connected(limit=10)
    out, _err = open_streams(block)
    out.write("12345")
    output.take_log()
    assert not output.exceeded
    out.write("67890ABC")
    output.close()
    assert (output.text(layout.STDOUT), output.exceeded) == ("1234567890", True)


def test_characters_are_whole_although_their_bytes_come_apart() -> None:
    block, output, told = connected()
    out, _err = open_streams(block)
    for byte in "ä€".encode():
        out.buffer.write(bytes([byte]))
        output.take_log()
    output.close()
    assert [text for _, text in told] == ["ä", "€"]


def test_surrogates_are_written_as_escapes_and_read_from_stdin() -> None:
    block, output, _ = connected()
    out, _err = open_streams(block)
    out.write("a\ud800b")
    output.close()
    assert output.text(layout.STDOUT) == "a\\ud800b"
    assert open_stdin("x\udc80\n").read() == "x\udc80\n"


def test_streams_look_like_a_files() -> None:
    block, _output, _ = connected()
    out, err = open_streams(block)
    assert (out.name, out.writable(), out.readable(), out.isatty()) == (
        "<stdout>",
        True,
        False,
        False,
    )
    assert (out.encoding, err.name) == ("utf-8", "<stderr>")
    block.clear()
    assert not any(block.memory[layout.HEADER_BYTES :])
