"""The mesh's front door: authenticate → admit → route → schedule → dispatch.

Rules: a module is named for its stage, and `gateway` joins them in one method; nothing here parses
or copies what an executor answers; it names no algorithm and knows executors by settings only.
"""
