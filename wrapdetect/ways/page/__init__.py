"""A chat page in Chromium: its parts found, a question typed, the answer and the page's own traffic heard."""
