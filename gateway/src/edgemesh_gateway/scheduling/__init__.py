"""Who of those who wait is next, and who is sent away: no I/O, no clock, no notion of a call.

Rules: a moment is an argument, on a clock of the caller's; nothing here waits or calls back but for
two questions, a tenant's weight and whether an entry's caller has left. Each step costs O(log n).
Three levels, in this order:

    class    the highest that waits; one grant in eight is a lower one's that has aged
    tenant   start-time fair queueing by weight among all who wait in this class
    request  the earliest deadline first; one without is taken to have UNDATED_S

An algorithm may have a limit of its own (`gate.py`): what is over it waits aside, in the same
order, and holds up nobody. Over the bounds of the queue the cheapest are sent away (`shares.py`):
of the lowest class that waits, of whom the largest share of the queue over its weight is, the
newest.
"""

from edgemesh_gateway.scheduling.entry import CLASSES, UNDATED_S, Entry
from edgemesh_gateway.scheduling.gate import Gate
from edgemesh_gateway.scheduling.queue import FairQueue
from edgemesh_gateway.scheduling.tally import WAIT_BUCKETS_S, Tally

__all__ = ["CLASSES", "UNDATED_S", "WAIT_BUCKETS_S", "Entry", "FairQueue", "Gate", "Tally"]
