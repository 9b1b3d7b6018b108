"""Jobs: work that is done though nobody waits for it.

Rules: a job is acknowledged when it is on disk (`store.job_store`), and is run through the
gateway's own stages, like a call (`attempt`); what an attempt's end means is one table (`verdict`).
No module here but `service` knows what a caller's message looks like.

    service ─► intake ─► store ◄─ runner ─► attempt ─► gateway: admit, route, schedule, dispatch
                           ▲                   └─► verdict ─► store ─► webhooks
                           └─ events ◄── hub (who waits for a job hears of it)
"""

from edgemesh_gateway.jobs.figures import Figures
from edgemesh_gateway.jobs.files import Files
from edgemesh_gateway.jobs.hub import Hub
from edgemesh_gateway.jobs.intake import Intake
from edgemesh_gateway.jobs.runner import Runner
from edgemesh_gateway.jobs.service import SERVICE, Jobs

__all__ = ["SERVICE", "Figures", "Files", "Hub", "Intake", "Jobs", "Runner"]
