"""Pictures of the documentation: each is used, says what it shows to who can't see it, and together they are small."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = sorted((DOCS / "images").glob("*.png"))
MOST_BYTES = 1_500_000


def test_each_picture_is_used_and_has_a_text():
    pages = "\n".join(page.read_text() for page in sorted(DOCS.glob("*.md")))
    texts = {name: text for text, name in re.findall(r"!\[([^\]]*)\]\(images/([^)]+)\)", pages)}
    assert [picture.name for picture in PICTURES if len(texts.get(picture.name, "").split()) < 5] == []


def test_they_are_small():
    assert sum(picture.stat().st_size for picture in PICTURES) <= MOST_BYTES
