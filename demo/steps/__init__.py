"""The six steps. Each is `run(client) -> Row` and raises Wrong when what came back is wrong."""
