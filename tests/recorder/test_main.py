"""``make vectors`` fails where a vector differs, and writes only on request."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recorder import VECTORS, __main__

NAMES = ("upload_image", "get_dataset")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run it on two vectors; the client of today makes one of them, with another title."""
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in NAMES:
        (kept / f"{name}.json").write_text((VECTORS / f"{name}.json").read_text())

    def record_all(release: str, folder: Path) -> None:
        text = (VECTORS / "upload_image.json").read_text()
        (folder / "upload_image.json").write_text(text.replace("photo.jpg", changed.get("title", "photo.jpg")))
        if not changed:
            (folder / "get_dataset.json").write_text((VECTORS / "get_dataset.json").read_text())

    changed: dict[str, str] = {}
    monkeypatch.setattr(__main__, "VECTORS", kept)
    monkeypatch.setattr(__main__, "record_all", record_all)

    def run(*arguments: str, **changes: str) -> int:
        changed.update(changes)
        monkeypatch.setattr("sys.argv", ["tests.recorder", *arguments])
        return __main__.main()

    return run


def files(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (folder / "kept").glob("*.json")}


def test_nothing_differs(make: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert make() == 0
    assert capsys.readouterr().out == "2 vectors recorded, 0 differ.\n"


def test_a_difference_is_told_and_not_written(
    make: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = files(tmp_path)
    assert make(title="other.jpg") == 1
    assert files(tmp_path) == before
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == ["get_dataset", "  no scenario makes it any more"]
    assert any('.title = "photo.jpg", now "other.jpg"' in line for line in told)
    assert told[-1] == "1 vectors recorded, 2 differ."


def test_written_on_request(make: Callable[..., int], tmp_path: Path) -> None:
    assert make("--write", title="other.jpg") == 0
    written = files(tmp_path)
    assert written.keys() == {"upload_image"}
    assert "other.jpg" in written["upload_image"]
