"""What OpenAI's clients speak: chat, completions, embeddings and models under `/v1`.

Rules: each route makes the message that a gRPC caller of `ml.chat`, `ml.generate` or `ml.embed`
would have sent, and tells the answer in OpenAI's words; nothing is decided here. What a caller
leaves out has OpenAI's default. A parameter that is not offered is refused by its name, unless its
value asks for nothing (`reading`): none is ignored that would have changed the answer.
"""
