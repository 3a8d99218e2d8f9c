"""A chat that a template describes, over HTTP or a websocket."""
