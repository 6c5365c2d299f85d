"""How Sphinx builds the documentation: `make docs`."""

import os
import tomllib
from pathlib import Path

os.environ["AIRFLOW_HOME"] = str(Path(__file__).parent / "_build" / "airflow")  # where an import writes its settings

from airflow_provider_encord import __version__

_PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())

project = "airflow-provider-encord"
release = version = __version__
language = "en"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

# Headings have the anchors that other viewers of Markdown give them, so that the pages can be read anywhere.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

# Broken links and cross references are errors. The pages of Airflow and Python are not reachable offline.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(airflow|json)\..*")]

autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "furo"
html_title = f"{project} {release}"
html_baseurl = _PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]["documentation"]
html_copy_source = False
html_show_copyright = False
