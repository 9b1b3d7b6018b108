"""Everything is killed while it works, and nothing may be lost."""
