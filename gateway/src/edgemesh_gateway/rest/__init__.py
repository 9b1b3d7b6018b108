"""HTTP over the same core that gRPC uses: REST, streams of events, and what OpenAI's clients speak.

Rules: a request becomes the protobuf message that a gRPC caller would have sent, and goes through
the same stack of the same servers; so nothing is decided here, and every refusal is one that gRPC
would make, told as RFC 9457 problem details (`problem`). Nothing of this package but `front` and
`listen` is imported unless the port is asked for. It may name algorithms, where a path does.
"""
