"""A button that takes one file, at once; a keyboard reaches it like any other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import events, ui

from edgemesh_dashboard.pages.notice import Notice


def upload(
    label: str,
    accept: str,
    most_bytes: int,
    given: Callable[[events.UploadEventArguments], Awaitable[None]],
    notice: Callable[[], Notice],
) -> None:
    """Draw it; `notice` is where a file that is refused is told of."""

    def rejected() -> None:
        notice().say(f"{label} of at most {most_bytes:,} bytes is expected ({accept}).")

    async def taken(event: events.UploadEventArguments) -> None:
        await given(event)
        hidden.reset()

    hidden = ui.upload(
        on_upload=taken, on_rejected=rejected, auto_upload=True, max_file_size=most_bytes
    )
    hidden.props(f"accept={accept}").style("display: none")
    button = ui.button(f"{label} …", icon="upload_file").props("no-caps").classes("self-start")
    button.on_click(lambda: hidden.run_method("pickFiles"))
