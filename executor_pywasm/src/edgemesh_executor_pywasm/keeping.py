"""The executor's sessions, as its settings say: folder, key, quotas, end, service, figures."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from edgemesh_executor_pywasm.sessions.keeper import Keeper
from edgemesh_executor_pywasm.sessions.service import SERVICE, SessionMethods
from edgemesh_executor_pywasm.sessions.store import Quotas, Store
from edgemesh_executor_pywasm.sessions.vault import Damaged, Vault, key_of
from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service.executor.sessions import Host
from mesh_service.settings import SettingsError
from mesh_service.stack import Handler


class PyWasmSessions(Keeper):
    """What `Plan.sessions` makes."""

    def __init__(self, settings: PyWasmSettings, host: Host) -> None:
        """Raises SettingsError where the folder or the key cannot be used."""
        self._passing: tempfile.TemporaryDirectory[str] | None = None
        folder = settings.sessions_folder()
        if folder is None:
            self._passing = tempfile.TemporaryDirectory(prefix="edgemesh-sessions-")
            folder = Path(self._passing.name)
        self._folder, self._own = folder, settings.session_dir is None
        quotas = Quotas(
            settings.max_sessions, settings.max_sessions_bytes, settings.max_session_bytes
        )
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            vault = Vault(settings.key() or key_of(folder))
            store = Store(folder, vault, quotas, settings.session_ttl_s)
        except BlockingIOError:
            raise SettingsError(
                f"{settings.prefix()}SESSION_DIR", f"{folder}: another executor has it"
            ) from None
        except (OSError, Damaged) as error:
            raise SettingsError(f"{settings.prefix()}SESSION_DIR", str(error)) from None
        super().__init__(store)
        self._methods = SessionMethods(self, host, settings.service).methods()

    @property
    def services(self) -> dict[str, dict[str, tuple[str, Handler]]]:
        """SessionService."""
        return {SERVICE: self._methods}

    async def stop(self) -> None:
        """End what it does by itself; sessions that were to pass with the executor are gone."""
        empty = not self.store.entries
        await super().stop()
        if self._passing is not None:
            self._passing.cleanup()
        elif empty and self._own:
            shutil.rmtree(self._folder, ignore_errors=True)
