"""On what terms a tenant's webhooks are sent: hosts that are allowed, and a secret of its own."""

from __future__ import annotations

from edgemesh_gateway.webhooks.hosts import Hosts, Refused, Target
from edgemesh_gateway.webhooks.secrets import Secrets


class Terms:
    """An operator's word."""

    def __init__(self, hosts: Hosts, secrets: Secrets) -> None:
        self._hosts, self.secrets = hosts, secrets

    def target(self, tenant: str, url: str) -> Target:
        """A URL that may be told for a tenant. Raises Refused."""
        target = self._hosts.target(url)
        if not self.secrets.has(tenant):
            raise Refused("no webhook: the operator of this gateway has given you no secret")
        return target

    def wrong(self, tenant: str, url: str) -> str | None:
        """What was expected instead of a URL; None: it may be told."""
        try:
            self.target(tenant, url)
        except Refused as refused:
            return str(refused)
        return None

    def headers(self, tenant: str, job: str, at_s: int, body: bytes) -> dict[str, str]:
        """Those of a try. Raises KeyError where the tenant has no secret any more."""
        id = f"msg_{job}"
        return {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "user-agent": "edgemesh",
            "webhook-id": id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": self.secrets.signatures(tenant, id, at_s, body),
        }
