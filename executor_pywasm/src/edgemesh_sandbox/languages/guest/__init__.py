"""What runs inside of the interpreters; never imported here."""
