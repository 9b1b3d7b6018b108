"""What a mesh has, and keeps for its callers: `AsyncHoldings`, without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgemesh_client.async_holdings import PREPARING_S
from edgemesh_client.connection import Connection
from edgemesh_client.kinds import Algorithm, Environment, Key, Model


class Holdings(Connection):
    """What there is, listed and changed."""

    # Algorithms

    def delete_algorithm(self, name: str) -> list[str]:
        """Delete a registered algorithm, or one version (`name@version`); what was deleted."""
        return self._portal.run(self._async.delete_algorithm(name))

    def algorithms(self, namespace: str = "") -> list[Algorithm]:
        """What can be computed now, by name; of one namespace, e.g. "cpp"."""
        return self._portal.run(self._async.algorithms(namespace))

    def algorithm(self, name: str) -> Algorithm:
        """One of them. Raises NotFound, whose message has the nearest names."""
        return self._portal.run(self._async.algorithm(name))

    # Environments

    def environment(
        self,
        dependencies: Sequence[str],
        *,
        progress: Callable[[str, str], None] | None = None,
        timeout: float = PREPARING_S,
    ) -> Environment:
        """Make an environment; `progress` is told each stage and its message.

        Raises InvalidRequest with the resolver's own words where there is no solution.
        """
        return self._portal.run(
            self._async.environment(dependencies, progress=progress, timeout=timeout)
        )

    def environments(self) -> list[Environment]:
        """The tenant's environments, newest first, without their locks."""
        return self._portal.run(self._async.environments())

    def delete_environment(self, id: str) -> None:
        """Forget one. Raises NotFound."""
        self._portal.run(self._async.delete_environment(id))

    # Keys

    def create_key(
        self, tenant: str, *, scopes: Sequence[str] = (), note: str = "", days: float = 0
    ) -> tuple[Key, str]:
        """Make an API key; what is known of it, and the key, which nobody can tell again."""
        return self._portal.run(self._async.create_key(tenant, scopes=scopes, note=note, days=days))

    def keys(self, *, tenant: str = "", all: bool = False) -> list[Key]:
        """The keys, newest first; `all`: the revoked and expired ones too."""
        return self._portal.run(self._async.keys(tenant=tenant, all=all))

    def revoke_key(self, prefix: str) -> Key:
        """Revoke a key, for good. Raises NotFound."""
        return self._portal.run(self._async.revoke_key(prefix))

    # Models

    def models(self, *, executor: str = "") -> list[Model]:
        """The models that an executor serves, by name; `executor`: where several do, which."""
        return self._portal.run(self._async.models(executor=executor))

    def load_model(self, name: str, *, executor: str = "") -> Model:
        """Load a model, for which others may be unloaded. Raises FailedPrecondition, which says
        what would mend it."""
        return self._portal.run(self._async.load_model(name, executor=executor))

    def unload_model(self, name: str, *, executor: str = "") -> Model:
        """Unload a model when its calls have ended; the next call loads it again."""
        return self._portal.run(self._async.unload_model(name, executor=executor))
