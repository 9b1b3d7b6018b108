"""What every executor keeps, called directly: one suite, each executor in turn."""
