"""A whole mesh under load for long: it must neither grow nor fail."""
