"""The whole mesh through its gateway."""
