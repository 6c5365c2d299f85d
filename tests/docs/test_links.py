"""Every relative link of the pages leads somewhere, and every page can be reached."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_relative_link_leads_somewhere(pages):
    broken = []
    for page, text in pages.items():
        for target in LINK.findall(BLOCK.sub("", text)):
            if "://" in target:
                continue
            file, _, anchor = target.partition("#")
            path = ((ROOT / page).parent / file).resolve() if file else ROOT / page
            if not path.is_file() or (anchor and anchor not in anchors(path.read_text())):
                broken.append(f"{page}: {target}")
    assert broken == []


def test_each_page_is_in_the_index(pages):
    index = pages["docs/index.md"]
    listed = {Path(page).name for page in pages if page.startswith("docs/")} - {"index.md"} | {"reference/index.rst"}
    assert listed - set(LINK.findall(index)) == set()
    trees = re.findall(r"^:::\{toctree\}\n(?::[^\n]*\n)*\n(.*?)\n:::$", index, re.MULTILINE | re.DOTALL)
    assert sorted(" ".join(trees).split()) == sorted(name.rpartition(".")[0] for name in listed)


def test_the_only_foreign_address_is_that_of_encord(pages):
    foreign = {target for text in pages.values() for target in LINK.findall(text) if "://" in target}
    assert foreign == {"https://encord.com"}


def test_the_pages_name_no_folder_of_a_developer(pages):
    assert [page for page, text in pages.items() if re.search(r"/(work|root|home)/", text)] == []


def test_no_line_is_left_to_be_filled_in(pages):
    assert [page for page, text in pages.items() if re.search(r"TODO|FIXME|TBD|XXX", text)] == []
