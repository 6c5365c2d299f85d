"""Make entries and manifests; nothing is made that the checker refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from airflow_provider_encord.manifest._rules import (
    MAX_ITEMS,
    MAX_URLS,
    Entry,
    ManifestProblem,
    Problems,
    Seen,
    entry_urls,
    flag_problems,
    placed_problems,
    size_problems,
    type_name,
)

Made = TypeVar("Made")


class _Forms(Generic[Made]):
    """One method for each form of entry. Fields left out are left to Encord."""

    def add(self, kind: str, entry: Mapping[str, Any]) -> Made:
        """Take an entry of any kind, as it stands in a manifest.

        :raises ManifestProblem: when Encord would not take it.
        """
        raise NotImplementedError

    def video(
        self,
        url: str,
        title: str | None = None,
        *,
        client_metadata: Mapping[str, Any] | None = None,
        video_metadata: Mapping[str, Any] | None = None,
    ) -> Made:
        """Make a video.

        :param url: where the file is.
        :param title: by default Encord takes the path in the URL.
        :param client_metadata: any JSON object, kept with the item.
        :param video_metadata: fps, duration, width, height, file size and media type. Encord believes it, and doesn't
            read the file: an integration with strict client-only access needs it.
        :raises ManifestProblem: when Encord would not take it; so do all of these.
        """
        return self._one("videos", url, title, client_metadata, videoMetadata=video_metadata)

    def image(
        self,
        url: str,
        title: str | None = None,
        *,
        client_metadata: Mapping[str, Any] | None = None,
        image_metadata: Mapping[str, Any] | None = None,
    ) -> Made:
        """Make an image of its own."""
        return self._one("images", url, title, client_metadata, imageMetadata=image_metadata)

    def image_group(
        self,
        urls: Iterable[str],
        title: str,
        *,
        create_video: bool = False,
        client_metadata: Mapping[str, Any] | None = None,
    ) -> Made:
        """Make an image group, in the given order.

        :param urls: where the images are.
        :param title: needed for several files.
        :param create_video: make an image sequence of it, for which Encord writes a video into the bucket. It is always
            sent, because Encord doesn't tell its default.
        :param client_metadata: any JSON object, kept with the item.
        """
        return self._many("image_groups", urls, title, client_metadata, createVideo=create_video)

    def dicom_series(
        self, urls: Iterable[str], title: str, *, client_metadata: Mapping[str, Any] | None = None
    ) -> Made:
        """Make a DICOM series, in the given order."""
        return self._many("dicom_series", urls, title, client_metadata)

    def audio(
        self,
        url: str,
        title: str | None = None,
        *,
        client_metadata: Mapping[str, Any] | None = None,
        audio_metadata: Mapping[str, Any] | None = None,
    ) -> Made:
        """Make an audio file."""
        return self._one("audio", url, title, client_metadata, audioMetadata=audio_metadata)

    def text(
        self,
        url: str,
        title: str | None = None,
        *,
        client_metadata: Mapping[str, Any] | None = None,
        text_metadata: Mapping[str, Any] | None = None,
    ) -> Made:
        """Make a text file."""
        return self._one("text", url, title, client_metadata, textMetadata=text_metadata)

    def pdf(
        self,
        url: str,
        title: str | None = None,
        *,
        client_metadata: Mapping[str, Any] | None = None,
        pdf_metadata: Mapping[str, Any] | None = None,
    ) -> Made:
        """Make a PDF file."""
        return self._one("pdfs", url, title, client_metadata, pdfMetadata=pdf_metadata)

    def _one(self, kind: str, url: str, title: str | None, client_metadata: Any, **more: Any) -> Made:
        return self._add(kind, {"objectUrl": url, "title": title, "clientMetadata": client_metadata, **more})

    def _many(self, kind: str, urls: Iterable[str], title: str, client_metadata: Any, **more: Any) -> Made:
        if isinstance(urls, str | bytes | Mapping) or not isinstance(urls, Iterable):
            raise ManifestProblem(f"{kind}: the URLs must be a list, not {type_name(urls)}")
        files = {f"objectUrl_{number}": url for number, url in enumerate(urls)}
        return self._add(kind, {"title": title, **more, "clientMetadata": client_metadata, **files})

    def _add(self, kind: str, fields: Mapping[str, Any]) -> Made:
        # Without a title or metadata there are defaults; anything else that is None is a mistake.
        return self.add(
            kind,
            {
                name: dict(value) if isinstance(value, Mapping) else value
                for name, value in fields.items()
                if value is not None or not name.lower().endswith(("title", "metadata"))
            },
        )


class EntryMaker(_Forms[Entry]):
    """Makes entries one at a time, for :func:`split`: ``make.video(url)`` -> ``("videos", {"objectUrl": url})``."""

    def add(self, kind: str, entry: Mapping[str, Any]) -> Entry:
        """Check an entry of any kind and return it with its kind.

        :raises ManifestProblem: when Encord would not take it.
        """
        item = dict(entry) if isinstance(entry, Mapping) else entry
        _refuse(placed_problems(kind, None, item))
        return kind, item


make = EntryMaker()


class ManifestBuilder(_Forms["ManifestBuilder"]):
    """Builds the manifest of one job: ``ManifestBuilder().video(url).audio(other).build()``.

    An entry that is refused is not taken; what was added before stands.

    :param skip_duplicate_urls: leave to Encord what its folder holds already, so that a repeat adds nothing twice.
    :param upsert_metadata: update the metadata of what is skipped.
    :raises ManifestProblem: for a flag of the wrong type, or updating without skipping.
    """

    def __init__(self, *, skip_duplicate_urls: bool = True, upsert_metadata: bool = False) -> None:
        self._flags = {"skip_duplicate_urls": skip_duplicate_urls, "upsert_metadata": upsert_metadata}
        _refuse(flag_problems(self._flags))
        if not upsert_metadata:
            del self._flags["upsert_metadata"]
        self._lists: dict[str, list[dict[str, Any]]] = {}
        self._seen = None if skip_duplicate_urls else Seen()
        self._urls = 0

    def add(self, kind: str, entry: Mapping[str, Any]) -> ManifestBuilder:
        """Add an entry of any kind, as it stands in a manifest.

        :raises ManifestProblem: when Encord would not take it.
        """
        index = len(self._lists.get(kind, ())) if isinstance(kind, str) else 0
        item = dict(entry) if isinstance(entry, Mapping) else entry
        _refuse(placed_problems(kind, index, item))
        found = entry_urls(kind, item)
        urls = self._urls + len(found)
        items = sum(map(len, self._lists.values())) + 1
        _refuse(size_problems(items, urls, max_items=MAX_ITEMS, max_urls=MAX_URLS))
        if self._seen:
            _refuse(self._seen.problems(kind, index, found))
        self._lists.setdefault(kind, []).append(item)
        self._urls = urls
        return self

    def build(self) -> dict[str, Any]:
        """Return the manifest.

        :raises ManifestProblem: when nothing was added.
        """
        if not self._lists:
            raise ManifestProblem("the manifest cannot be sent: it holds no item")
        return {**{kind: list(items) for kind, items in self._lists.items()}, **self._flags}


def _refuse(found: Iterable[str]) -> None:
    problems = Problems()
    problems.extend(found)
    problems.raise_if_any()
