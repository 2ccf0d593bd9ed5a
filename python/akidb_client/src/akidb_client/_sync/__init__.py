"""The client that waits for each answer."""
