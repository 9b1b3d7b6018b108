"""The sandbox beside others that run Python which nobody trusts, and against its goals."""
