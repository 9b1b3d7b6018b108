"""A feed, shown while it grows: a few times a second, however fast it comes."""

from __future__ import annotations

from nicegui import ui

from edgemesh_dashboard.feed import BEAT_S, MOST_KEPT, Feed


class LiveText:
    """Shows a feed's newest text; `begin` gives it another one."""

    def __init__(self, name: str, *, placeholder: str = "") -> None:
        """`name` is its accessible name."""
        self.feed = Feed()
        self._text = ui.label(placeholder).classes("em-output")
        self._text.props(f'role=log aria-live=polite tabindex=0 aria-label="{name}"')
        self._count = ui.label().classes("em-soft")
        self._timer = ui.timer(BEAT_S, self._beat, active=False)

    def begin(self) -> Feed:
        """An empty feed, shown from now on."""
        self.feed = Feed()
        self._text.text = ""
        self._count.text = ""
        self._timer.activate()
        return self.feed

    def end(self) -> None:
        """No more will come: show what there is."""
        self._timer.deactivate()
        self._beat()

    def save(self, name: str) -> None:
        """Have the browser save all that is kept of it."""
        ui.download.content(self.feed.show(MOST_KEPT), name)

    def _beat(self) -> None:
        if self.feed.changed:
            self._text.text = self.feed.show()
            pieces = "piece" if self.feed.events == 1 else "pieces"
            self._count.text = f"{self.feed.events:,} {pieces}, {self.feed.characters:,} characters"
