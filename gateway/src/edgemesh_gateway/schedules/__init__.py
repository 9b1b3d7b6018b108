"""Schedules: jobs that are handed in by the clock.

Rules: when is arithmetic (`times`), which knows no clock; a time that has come is turned into a
job, and the schedule moved on to its next, in one transaction under the schedule's lock
(`store.schedule_store`), so that several gateways make one job of it and a crash makes none twice.

    service ─► store ◄─ timetable (each second) ─► times: which job, and when next
"""
