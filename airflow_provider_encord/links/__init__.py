"""Links from a task to Encord."""
