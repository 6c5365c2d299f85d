"""What people see of the local Encord in a browser."""
