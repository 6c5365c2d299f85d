"""Records the golden vectors of tests/data/vectors: what Encord's own client sends, and makes of canned answers."""
