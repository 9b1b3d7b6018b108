"""The Open Inference Protocol (KServe's v2): algorithms as models, for its own clients.

Rules: a request becomes the ComputeRequest that a caller of ours would have sent, and goes to the
same handlers with the same RPC, so that identity, limits and refusals are theirs; nothing is
decided here. An algorithm is a model, its inputs and outputs are tensors of the same names. What of
its parameters a protocol of numbers cannot say is said by tensors of BYTES (`parameters`). REST's
`/v2` speaks to the same service.
"""
