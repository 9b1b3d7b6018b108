"""What metrics say; the text is a gateway's and an executor's own, shortened."""

from __future__ import annotations

from edgemesh_dashboard.figures import read_gateway, read_workers

GATEWAY = """\
# TYPE edgemesh_rpcs counter
edgemesh_rpcs_total{code="OK",method="Compute"} 7.0
edgemesh_rpcs_total{code="NOT_FOUND",method="GetAlgorithm"} 2.0
edgemesh_rpcs_total{code="UNAVAILABLE",method="Compute"} 1.0
# TYPE edgemesh_rpcs_in_flight gauge
edgemesh_rpcs_in_flight 3.0
# TYPE edgemesh_jobs gauge
edgemesh_jobs{state="queued"} 4.0
# TYPE edgemesh_executor_up gauge
edgemesh_executor_up{executor="cpp"} 1.0
edgemesh_executor_up{executor="ml"} 0.0
# TYPE edgemesh_slots gauge
edgemesh_slots{executor="cpp"} 4.0
# TYPE edgemesh_running gauge
edgemesh_running{executor="cpp"} 2.0
# TYPE edgemesh_waiting gauge
edgemesh_waiting{executor="cpp"} 5.0
# TYPE edgemesh_replica_up gauge
edgemesh_replica_up{address="127.0.0.1:1",executor="cpp"} 1.0
edgemesh_replica_up{address="127.0.0.1:2",executor="cpp"} 0.0
# TYPE edgemesh_replica_slots gauge
edgemesh_replica_slots{address="127.0.0.1:1",executor="cpp"} 4.0
# TYPE edgemesh_queue_requests gauge
edgemesh_queue_requests{class="batch",executor="cpp"} 1.0
edgemesh_queue_requests{class="interactive",executor="cpp"} 4.0
# TYPE edgemesh_queue_tenant_requests gauge
edgemesh_queue_tenant_requests{executor="cpp",tenant="physics"} 5.0
"""
EXECUTOR = """\
# TYPE edgemesh_workers gauge
edgemesh_workers{crew="a",state="busy"} 1.0
edgemesh_workers{crew="b",state="busy"} 1.0
edgemesh_workers{crew="a",state="idle"} 3.0
# TYPE edgemesh_worker_exits counter
edgemesh_worker_exits_total{crew="a",why="crash"} 2.0
"""


def test_a_gateways_figures() -> None:
    told = read_gateway(GATEWAY)
    assert (told.rpcs, told.failed, told.in_flight) == (10, 1, 3)
    assert told.jobs == {"queued": 4}
    cpp, ml = told.executors
    assert (cpp.name, cpp.up, cpp.slots, cpp.running, cpp.waiting) == ("cpp", True, 4, 2, 5)
    assert [(each.address, each.up, each.slots) for each in cpp.replicas] == [
        ("127.0.0.1:1", True, 4),
        ("127.0.0.1:2", False, 0),
    ]
    assert cpp.waiting_by_class == {"batch": 1, "interactive": 4}
    assert cpp.waiting_by_tenant == {"physics": 5}
    assert (ml.name, ml.up, ml.slots) == ("ml", False, 0)


def test_workers_of_all_crews_are_counted_together() -> None:
    told = read_workers(EXECUTOR)
    assert told.by_state == {"busy": 2, "idle": 3, "spare": 0, "starting": 0, "stopping": 0}
    assert told.exits == 2
