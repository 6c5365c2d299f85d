"""Small local files are read several at a time, and what can't be read that way is left to a reader of blocks."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_encord._client.transport.file_reader import ReadTogether, UnreadableFile, blocks_of
from airflow_provider_encord._storage.files import SourceFile, find_files

SMALL = 256 * 1024


def local(folder: Path, sizes: list[int]) -> list[SourceFile]:
    paths = [folder / f"{at:03}.jpg" for at in range(len(sizes))]
    for at, (path, size) in enumerate(zip(paths, sizes, strict=True)):
        path.write_bytes(bytes([at % 251]) * size)
    return find_files(paths)


def contents(files: list[SourceFile], asked: list[int], reads: list[str] | None = None) -> list[bytes | None]:
    """What is had for these files, asked for all at once; ``reads`` gets the name of the thread of each job."""

    class Readers(ThreadPoolExecutor):
        def submit(self, work, *arguments):
            (reads if reads is not None else []).append(work.__qualname__)
            return super().submit(work, *arguments)

    async def ask() -> list[bytes | None]:
        with Readers(2) as readers:
            together = ReadTogether(files, SMALL, readers)
            return await asyncio.gather(*(together.content(index) for index in asked))

    return asyncio.run(ask())


def test_small_files_come_whole_and_each_once(tmp_path: Path) -> None:
    files = local(tmp_path, [1, 100, SMALL])
    assert contents(files, [0, 1, 2]) == [Path(file.location).read_bytes() for file in files]
    assert contents(files, [1, 1])[1] is None, "another try reads the file again, in blocks"


@pytest.mark.parametrize(
    ("sizes", "jobs"),
    [
        ([10] * 20, 3),  # eight files at most
        ([SMALL] * 9, 3),  # one MiB at most
        ([10, SMALL + 1, 10], 2),  # those in between are read in blocks
        ([SMALL + 1] * 3, 0),
    ],
)
def test_how_many_are_read_at_a_time(tmp_path: Path, sizes: list[int], jobs: int) -> None:
    reads: list[str] = []
    found = contents(local(tmp_path, sizes), list(range(len(sizes))), reads)
    assert len(reads) == jobs
    assert [None if each is None else len(each) for each in found] == [
        size if size <= SMALL else None for size in sizes
    ]


def test_what_cannot_be_read_is_left_to_the_reader_of_blocks(tmp_path: Path) -> None:
    files = local(tmp_path, [10, 10, 10, 10])
    Path(files[1].location).write_bytes(b"another size")
    Path(files[2].location).unlink()
    found = contents(files, [0, 1, 2, 3])
    assert [each is None for each in found] == [False, True, True, False]
    with pytest.raises(UnreadableFile, match="changed while it was read: it had 10 bytes"):
        list(blocks_of(files[1], SMALL))


def test_files_of_a_store_are_not_read_together() -> None:
    class Stored:
        name, size, is_local, stream = "a.jpg", 10, False, None

        def open(self):
            raise AssertionError("read together")

    assert contents([Stored(), Stored()], [0, 1]) == [None, None]  # type: ignore[list-item]


def test_who_gives_up_does_not_take_the_reading_away_from_others(tmp_path: Path) -> None:
    files = local(tmp_path, [10, 10])
    release = threading.Event()

    async def ask() -> bytes | None:
        with ThreadPoolExecutor(1) as readers:
            readers.submit(release.wait, 30)
            together = ReadTogether(files, SMALL, readers)
            first, second = (asyncio.ensure_future(together.content(index)) for index in (0, 1))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            release.set()
            assert first.cancelled()
            return await second

    assert asyncio.run(ask()) == Path(files[1].location).read_bytes()
