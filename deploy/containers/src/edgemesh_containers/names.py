"""What things are called: containers, aliases, networks, volumes, labels.

Rules: pure. A name is made of a fleet, an executor, a tenant and a number, no two of which make the
same name; it is never taken apart again, for labels say the same. Whether a container
serves, is to follow one that does, or has been followed, its name alone says, since an engine
changes names of what it has, and not labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

FLEET = re.compile(r"[a-z][a-z0-9]{0,30}")
EXECUTOR = re.compile(r"[a-z][a-z0-9]{0,30}")
TENANT = re.compile(r"|[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")

LABEL_FLEET = "edgemesh.fleet"
LABEL_EXECUTOR = "edgemesh.executor"
LABEL_TENANT = "edgemesh.tenant"
LABEL_NUMBER = "edgemesh.number"
LABEL_SPEC = "edgemesh.spec"

GATEWAY_ALIAS = "gateway"
_NEXT, _LAST = "next", "last"


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """The replicas of one executor, for all tenants or for one."""

    fleet: str
    executor: str
    tenant: str = ""

    def __str__(self) -> str:
        whose = f" of tenant {self.tenant}" if self.tenant else ""
        return f"{self.executor}{whose} in fleet {self.fleet}"

    @property
    def network(self) -> str:
        """In which they are, with their gateway and nobody else."""
        return self._joined(self.fleet, self.executor, self.tenant)

    def alias(self, number: int) -> str:
        """What the gateway calls a replica: known before there is one."""
        return self._joined(self.executor, self.tenant, str(number))

    def container(self, number: int) -> str:
        """The container that serves as a replica."""
        return self._joined(self.fleet, self.executor, self.tenant, str(number))

    def following(self, number: int) -> str:
        """The container that is to serve as a replica."""
        return self._joined(self.container(number), _NEXT)

    def former(self, number: int) -> str:
        """The container that served as a replica, until its follower does."""
        return self._joined(self.container(number), _LAST)

    def volume(self, number: int) -> str:
        """What a replica keeps."""
        return self.container(number)

    @classmethod
    def read(cls, labels: Mapping[str, str]) -> Group:
        """Of what `labels` made."""
        return cls(*(labels.get(each, "") for each in (LABEL_FLEET, LABEL_EXECUTOR, LABEL_TENANT)))

    def labels(self) -> dict[str, str]:
        """By which all that is the group's is found again."""
        return {
            LABEL_FLEET: self.fleet,
            LABEL_EXECUTOR: self.executor,
            LABEL_TENANT: self.tenant,
        }

    @staticmethod
    def _joined(*parts: str) -> str:
        return "-".join(part for part in parts if part)
