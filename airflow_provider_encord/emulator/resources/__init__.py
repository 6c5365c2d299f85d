"""One room per resource: what is known of it, and the answers of both generations of the API about it."""
