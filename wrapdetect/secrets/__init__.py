"""What a secret is called, how it may be spelt, and how it is masked: one vocabulary for the whole program. Pure."""
