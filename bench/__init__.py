"""Measurements of the mesh beside its peers, side by side in one run."""
