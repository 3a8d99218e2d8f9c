"""What a user gives (an address, a table of TOML, a copied request) -> Endpoint. Pure."""
