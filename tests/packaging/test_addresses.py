"""All links of a package come from one address; while there is none, nothing can be released."""

import importlib.util
import re
import zipfile
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = "https://docs.example.com/encord"


def load(path):
    loader = SourceFileLoader(re.sub(r"\W", "_", path), str(ROOT / path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def metadata(documentation):
    given = {}
    load(".ci/hatch_build.py").CustomMetadataHook(str(ROOT), {"documentation": documentation}).update(given)
    return given


def test_without_an_address_there_are_no_links_to_it():
    given = metadata("")
    assert "urls" not in given
    assert given["readme"]["text"] == (ROOT / "README.md").read_text()


def test_each_link_of_the_readme_leads_to_a_page_of_the_documentation():
    given = metadata(f"{ADDRESS}/")
    assert given["urls"] == {"Documentation": f"{ADDRESS}/", "Changelog": f"{ADDRESS}/changelog.html"}
    links = set(re.findall(r"\]\(([^)]+)\)", given["readme"]["text"]))
    ours = {link.partition("#")[0].removeprefix(f"{ADDRESS}/") for link in links if link.startswith(f"{ADDRESS}/")}
    sources = [page.replace(".html", ".md").replace("_images/", "images/") for page in sorted(ours)]
    assert len(sources) > 10
    assert [source for source in sources if not (ROOT / "docs" / source).is_file()] == []
    assert {link for link in links if not link.startswith(ADDRESS)} == {"https://encord.com"}


def test_a_link_that_has_no_page_is_refused():
    with pytest.raises(ValueError, match="LICENSE"):
        load(".ci/hatch_build.py").absolute("LICENSE", ADDRESS)


@pytest.fixture
def check_links():
    return load(".ci/check-links")


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text('<a href="other.html#there"></a> <a href="https://encord.com">not fetched</a>')
    (folder / "other.html").write_text('<h1 id="there">Here</h1><img src="">')
    return folder


@pytest.fixture
def wheel(tmp_path):
    def make(*links):
        path = tmp_path / "package.whl"
        urls = f"Project-URL: Documentation, {ADDRESS}/\n"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.dist-info/METADATA", urls + "\n" + " ".join(f"[a]({link})" for link in links))
        return str(path)

    return make


def test_a_good_site_passes(check_links, site):
    assert check_links.main(str(site)) is None


@pytest.mark.parametrize("link", ["gone.html", "other.html#gone", "#gone"])
def test_a_link_that_leads_nowhere_is_told(check_links, site, link):
    (site / "bad.html").write_text(f'<a href="{link}">bad</a>')
    assert f"bad.html: {link}" in check_links.main(str(site))


def test_a_release_needs_an_address(check_links, site, wheel, monkeypatch):
    monkeypatch.setattr(check_links, "address", lambda: "")
    assert "No release without an address" in check_links.main(str(site), wheel())


@pytest.mark.parametrize("link", ["docs/other.md", f"{ADDRESS}/gone.html", f"{ADDRESS}/other.html#gone"])
def test_a_release_needs_links_that_lead_into_the_documentation(check_links, site, wheel, monkeypatch, link):
    monkeypatch.setattr(check_links, "address", lambda: ADDRESS)
    good = f"{ADDRESS}/other.html#there"
    assert check_links.main(str(site), wheel(good)) is None
    assert link in check_links.main(str(site), wheel(good, link))
