"""What a user gives, right and wrong."""
