"""What all ways over a network share: addresses, connections, websockets, our own lag."""
