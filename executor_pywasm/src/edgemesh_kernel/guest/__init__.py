"""Put into the session, and run there by the guest's Python."""
