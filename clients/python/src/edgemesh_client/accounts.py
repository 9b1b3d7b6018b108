"""What became of requests, what was used, erasing: `AsyncAccounts`, without an event loop."""

from __future__ import annotations

from edgemesh_client.account_kinds import Erased, RequestInfo, UsageOfDay
from edgemesh_client.async_accounts import ERASING_S
from edgemesh_client.connection import Connection


class Accounts(Connection):
    """Of AccountService."""

    def request(self, id: str, *, tenant: str = "") -> RequestInfo:
        """What became of a request that has ended; `tenant`: another's, for who has the scope
        admin. Raises NotFound where there is no record of it, or no more.
        """
        return self._portal.run(self._async.request(id, tenant=tenant))

    def usage(
        self,
        *,
        first: str = "",
        last: str = "",
        algorithm: str = "",
        tenant: str = "",
        all_tenants: bool = False,
    ) -> list[UsageOfDay]:
        """What was used, by day and algorithm, from the day `first` (as 2026-01-31; default: the
        last one) to the day `last` (default: today).

        `tenant`, `all_tenants`: others', for who has the scope admin.
        """
        return self._portal.run(
            self._async.usage(
                first=first,
                last=last,
                algorithm=algorithm,
                tenant=tenant,
                all_tenants=all_tenants,
            )
        )

    def erase_tenant(
        self, tenant: str, *, dry_run: bool = False, timeout: float = ERASING_S
    ) -> Erased:
        """Erase all that the mesh keeps of a tenant; `dry_run`: count it only. Needs the scope
        admin.
        """
        return self._portal.run(self._async.erase_tenant(tenant, dry_run=dry_run, timeout=timeout))
