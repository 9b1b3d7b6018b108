"""The Model Context Protocol at `/mcp`: every algorithm that its caller may run is a tool.

Rules: the protocol is the `mcp` package's, streamable HTTP without sessions: each request stands
alone, and what it runs ends with it. A tool's call becomes the message that a gRPC caller would
have sent; who calls is what the request's own `Authorization` says. The package is imported by
the first request that comes here (`routes`), so that REST does not start later for it.
"""
