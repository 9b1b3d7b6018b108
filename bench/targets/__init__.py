"""What the hop bench starts: an executor that echoes, and what may stand in front of it."""
