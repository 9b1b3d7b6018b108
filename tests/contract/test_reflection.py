"""Reflection: a client without stubs can list and call an executor."""

from __future__ import annotations

import json

from support import reflect
from support.rpc import Peer
from support.subject import Subject

from edgemesh_local.mesh import Mesh

SERVICE = "edgemesh.executor.v1.ExecutorService"


async def test_lists_its_services(direct: Peer, subject: Subject) -> None:
    assert await reflect.services(direct.channel) == {
        SERVICE,
        *subject.services,
        "edgemesh.compute.v1.SharedMemoryService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_can_be_called_without_stubs(mesh: Mesh, direct: Peer, subject: Subject) -> None:
    said = json.loads(await reflect.call(direct.channel, SERVICE, "Describe", "{}"))
    assert said["name"] == subject.name
    assert said["pid"] == mesh.pid(subject.name)
    health = await reflect.call(direct.channel, "grpc.health.v1.Health", "Check", "{}")
    assert json.loads(health) == {"status": "SERVING"}
