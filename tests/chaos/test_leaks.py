"""The search for secrets finds planted ones."""

import pytest

from tests.chaos import leaks

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nfirstline\nsecondline\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "logs" / "deep" / "task.log").write_text("-----BEGIN OPENSSH PRIVATE KEY----- is no secret\n")
    (tmp_path / "key").write_text(KEY)
    return tmp_path


def found(folder):
    return list(leaks.find([folder], leaks.secrets_of(KEY), spared=[folder / "key"]))


def test_nothing_is_found_where_nothing_is(folder):
    assert found(folder) == []


@pytest.mark.parametrize("planted", ["firstline", "secondline", "https://x/?a=1&signature=abc", "?X-Amz-Signature=ab"])
def test_each_planted_secret_is_found_and_not_repeated(folder, planted):
    log = folder / "logs" / "deep" / "task.log"
    log.write_text(f"before {planted} after")
    [leak] = found(folder)
    assert str(log) in leak
    assert planted not in leak
