"""Ways over real HTTP, sockets, Chromium and a terminal."""
