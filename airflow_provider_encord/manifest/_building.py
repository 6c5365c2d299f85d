"""Make entries and manifests, and refuse what the check would refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from airflow_provider_encord.manifest._rules import (
    MAX_ITEMS,
    MAX_URLS,
    Entry,
    ManifestProblem,
    Problems,
    RepeatedUrls,
    entry_urls,
    flag_problems,
    placed_problems,
    size_problems,
    type_name,
)

Made = TypeVar("Made")


class _Forms(Generic[Made]):
    """One method for each kind of entry. Encord chooses defaults for fields that are left out."""

    def add(self, kind: str, entry: Mapping[str, Any]) -> Made:
        """Add an entry of any kind, in the form that it has in a manifest.

        :raises ManifestProblem: when Encord would refuse it.
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

        :param url: URL of the file.
        :param title: by default the path in the URL.
        :param client_metadata: any JSON object, which Encord keeps with the item.
        :param video_metadata: fps, duration, width, height, file size and media type. Encord then trusts it and does
            not read the file. An integration with strict client-only access needs it.
        :raises ManifestProblem: when Encord would refuse it; this holds for all of these methods.
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
        """Make a single image."""
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

        :param urls: URLs of the images.
        :param title: required for several files.
        :param create_video: make an image sequence, for which Encord writes a video into the bucket. It is always sent,
            since Encord's default is not documented.
        :param client_metadata: any JSON object, which Encord keeps with the item.
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
        # Title and metadata have defaults; None for any other field is a mistake.
        return self.add(
            kind,
            {
                name: dict(value) if isinstance(value, Mapping) else value
                for name, value in fields.items()
                if value is not None or not name.lower().endswith(("title", "metadata"))
            },
        )


class EntryMaker(_Forms[Entry]):
    """Makes single entries for :func:`split`: ``make.video(url)`` returns ``("videos", {"objectUrl": url})``."""

    def add(self, kind: str, entry: Mapping[str, Any]) -> Entry:
        """Check an entry of any kind and return it with its kind.

        :raises ManifestProblem: when Encord would refuse it.
        """
        item = dict(entry) if isinstance(entry, Mapping) else entry
        _refuse(placed_problems(kind, None, item))
        return kind, item


make = EntryMaker()


class ManifestBuilder(_Forms["ManifestBuilder"]):
    """Builds the manifest of one job: ``ManifestBuilder().video(url).audio(other).build()``.

    A refused entry is not added; entries that were added before stay.

    :param skip_duplicate_urls: skip URLs that are in the dataset's folder already, so that a repeat adds nothing twice.
    :param upsert_metadata: update the metadata of skipped items.
    :raises ManifestProblem: for a flag of the wrong type, or for ``upsert_metadata`` without ``skip_duplicate_urls``.
    """

    def __init__(self, *, skip_duplicate_urls: bool = True, upsert_metadata: bool = False) -> None:
        self._flags = {"skip_duplicate_urls": skip_duplicate_urls, "upsert_metadata": upsert_metadata}
        _refuse(flag_problems(self._flags))
        if not upsert_metadata:
            del self._flags["upsert_metadata"]
        self._lists: dict[str, list[dict[str, Any]]] = {}
        self._repeated = None if skip_duplicate_urls else RepeatedUrls()
        self._url_count = 0

    def add(self, kind: str, entry: Mapping[str, Any]) -> ManifestBuilder:
        """Add an entry of any kind, in the form that it has in a manifest.

        :raises ManifestProblem: when Encord would refuse it.
        """
        index = len(self._lists.get(kind, ())) if isinstance(kind, str) else 0
        item = dict(entry) if isinstance(entry, Mapping) else entry
        _refuse(placed_problems(kind, index, item))
        urls = entry_urls(kind, item)
        url_count = self._url_count + len(urls)
        items = sum(map(len, self._lists.values())) + 1
        _refuse(size_problems(items, url_count, max_items=MAX_ITEMS, max_urls=MAX_URLS))
        if self._repeated:
            _refuse(self._repeated.problems(kind, index, urls))
        self._lists.setdefault(kind, []).append(item)
        self._url_count = url_count
        return self

    def build(self) -> dict[str, Any]:
        """Return the manifest.

        :raises ManifestProblem: when nothing was added.
        """
        if not self._lists:
            raise ManifestProblem("the manifest cannot be sent: it has no items")
        return {**{kind: list(items) for kind, items in self._lists.items()}, **self._flags}


def _refuse(messages: Iterable[str]) -> None:
    problems = Problems()
    problems.extend(messages)
    problems.raise_if_any()
