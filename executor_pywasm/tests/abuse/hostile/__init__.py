"""Hostile programs, by what they are up to; each must get one of its verdicts, in time."""

from __future__ import annotations

from hostile import (
    archives,
    blocking,
    calls,
    conversions,
    exits,
    files,
    finalisers,
    forgery,
    introspection,
    memory,
    output,
    processor,
    science,
    system,
    tenants,
    text,
)
from hostile.case import Case

GROUPS = {
    "processor": processor.CASES,
    "blocking": blocking.CASES,
    "memory": memory.CASES,
    "output": output.CASES,
    "conversions": conversions.CASES,
    "forgery": forgery.CASES,
    "exits": exits.CASES,
    "finalisers": finalisers.CASES,
    "system": system.CASES,
    "files": files.CASES,
    "introspection": introspection.CASES,
    "archives": archives.CASES,
    "science": science.CASES,
    "text": text.CASES,
    "tenants": tenants.CASES,
    "calls": calls.CASES,
}

CASES: list[Case] = [draft.of(group) for group, drafts in GROUPS.items() for draft in drafts]
