"""What the suites share: waiting, calling, starting services and looking at processes."""
