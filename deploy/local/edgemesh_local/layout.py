"""Where things lie: the checkout and the cache. Knows no service."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The two folders that everything else is relative to."""

    root: Path
    """The checkout."""
    cache: Path
    """What is built or downloaded, shared by all checkouts; may be deleted at any time."""

    @classmethod
    def here(cls) -> Layout:
        """This checkout, and the cache that EDGEMESH_CACHE names (default ~/.cache/edgemesh)."""
        cache = os.environ.get("EDGEMESH_CACHE")
        return cls(
            root=Path(__file__).resolve().parents[3],
            cache=Path(cache).absolute() if cache else Path.home() / ".cache" / "edgemesh",
        )

    @property
    def local(self) -> Path:
        """This package's own folder: its locks and configuration."""
        return self.root / "deploy" / "local"

    @property
    def logs(self) -> Path:
        """Output of build steps."""
        return self.cache / "logs"

    @property
    def stamps(self) -> Path:
        """Which steps are complete."""
        return self.cache / "stamps"

    @property
    def tools(self) -> Path:
        """Environments of tools, each keyed by its lock."""
        return self.cache / "tools"
