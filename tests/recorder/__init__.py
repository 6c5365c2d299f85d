"""Records the golden vectors of tests/data/vectors: what Encord's own client sends, and makes of canned answers."""

from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
VECTORS = DATA / "vectors"
# The last release of the client with API keys of datasets.
OLDER = "0.1.145"
