"""What the package says about its addresses: links of the README, and those of the project.

They lead to the documentation at the one address in `pyproject.toml`. While that is empty, the README's links stay
relative, and the project has none.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?<=\]\()(?![a-z]+:)[^)\s]+(?=\))")
PLACES = (  # of the repository, and in the documentation
    (re.compile(r"docs/(\w+)\.md(#.*)?"), r"\1.html\2"),
    (re.compile(r"docs/images/([\w.-]+)"), r"_images/\1"),
    (re.compile(r"CHANGELOG\.md"), "changelog.html"),
)


def absolute(link: str, documentation: str) -> str:
    """Return where a relative link of the README leads in the documentation."""
    for place, page in PLACES:
        if match := place.fullmatch(link):
            return f"{documentation}/{match.expand(page)}"
    raise ValueError(f"README.md links to {link}, which is not in the documentation")


class CustomMetadataHook(MetadataHookInterface):
    """Sets `readme` and `urls` of the project."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both to the project's metadata."""
        documentation = self.config["documentation"].rstrip("/")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        if documentation:
            text = LINK.sub(lambda link: absolute(link[0], documentation), text)
            metadata["urls"] = {
                "Documentation": f"{documentation}/",
                "Changelog": f"{documentation}/changelog.html",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
