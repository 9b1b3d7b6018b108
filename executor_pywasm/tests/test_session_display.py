"""What notebooks need of sessions: each call's own output, and a hook for what is shown."""

from __future__ import annotations

from edgemesh_sandbox import Sandbox


def test_what_a_call_printed_is_not_in_the_next(sandbox: Sandbox) -> None:
    heard: list[str] = []
    with sandbox.session() as session:
        assert session.run("print('first')").stdout == "first\n"
        second = session.run("print('second')", on_output=lambda _, text: heard.append(text))
        assert second.stdout == "".join(heard) == "second\n"
        assert session.run("1").stdout == ""


def test_a_session_may_have_a_displayhook(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        session.run("import sys\nsys.displayhook = lambda value: [repr(value)]")
        assert session.run("{1, 2}").result == ["{1, 2}"]
        assert session.run("x = 1").result == ["None"]
        session.run("sys.displayhook = sys.__displayhook__")
        assert session.run("3").result == 3
