"""AlgorithmService: what the mesh can compute now.

Rules: says what executors describe, and what was registered for the caller; an executor that is
away is not listed, yet an algorithm of its own can be looked up by name. What the caller may not
run it is not told of, nor whether there is such a thing.
"""

from __future__ import annotations

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.register import Registrations
from edgemesh_gateway.route import Offer, Routes
from mesh_service import errors
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = algorithm_pb2.DESCRIPTOR.services_by_name["AlgorithmService"].full_name


class Algorithms:
    """The servicer of AlgorithmService."""

    def __init__(
        self, authenticator: Authenticator, routes: Routes, registrations: Registrations
    ) -> None:
        self._authenticator = authenticator
        self._routes = routes
        self._registrations = registrations

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "ListAlgorithms": ("unary", self.list_algorithms),
            "GetAlgorithm": ("unary", self.get_algorithm),
            **self._registrations.methods(),
        }

    async def list_algorithms(self, raw: bytes, rpc: Rpc) -> bytes:
        """ListAlgorithms."""
        caller = await self._authenticator.authenticate(rpc)
        request = parse(algorithm_pb2.ListAlgorithmsRequest, raw)
        prefix = f"{request.namespace}." if request.namespace else ""
        offered = [self._offered(o) for o in self._routes.offers() if o.here]
        registered = await self._registrations.offered(caller.tenant)
        if registered:
            offered = sorted(offered + registered, key=lambda each: each.algorithm.name)
        return algorithm_pb2.ListAlgorithmsResponse(
            algorithms=[
                each
                for each in offered
                if each.algorithm.name.startswith(prefix) and caller.may_run(each.algorithm.name)
            ]
        ).SerializeToString()

    async def get_algorithm(self, raw: bytes, rpc: Rpc) -> bytes:
        """GetAlgorithm."""
        caller = await self._authenticator.authenticate(rpc)
        request = parse(algorithm_pb2.GetAlgorithmRequest, raw)
        if not request.name:
            raise errors.InvalidRequest(
                [errors.Violation("name", "required: <namespace>.<name>, or with @<version>")]
            )
        caller.demand_algorithm(request.name)
        found = None
        if not self._routes.offers_name(request.name):
            found = await self._registrations.find(caller.tenant, request.name)
        return algorithm_pb2.GetAlgorithmResponse(
            algorithm=found or self._offered(self._routes.find(request.name, caller.may_run))
        ).SerializeToString()

    def _offered(self, offer: Offer) -> algorithm_pb2.OfferedAlgorithm:
        return algorithm_pb2.OfferedAlgorithm(
            algorithm=offer.algorithm,
            executor=offer.executor.name,
            default_version=self._routes.is_default(offer),
        )
