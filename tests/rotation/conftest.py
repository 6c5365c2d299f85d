"""A connection that changes, and two keys for its Encord."""

import json

import pytest

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.emulator.auth import generate_key
from airflow_provider_encord.hooks import encord as hooks
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.triggers import encord as triggers


class Keys:
    """What the connection says, and what Encord takes.

    :param new: a key pair that Encord does not know yet.
    :param other: the private key of another user.
    :param save: writes the connection.
    """

    def __init__(self, encord, new, other, save):
        self.encord = encord
        self.private_key, self.public_key = new
        self.other = other
        self.save = save
        save(ssh_private_key=encord.private_key)

    def save_new(self):
        """Register the new public key and save the private one into the connection."""
        self.encord.add_key(self.public_key, same_user_as=self.encord.public_key)
        self.save(ssh_private_key=self.private_key)

    def save_other_user(self):
        self.save(ssh_private_key=self.other)

    def revoke_old(self):
        self.encord.revoke_key(self.encord.public_key)

    def rotate(self):
        self.save_new()
        self.revoke_old()

    def rotate_back(self):
        self.encord.add_key(self.encord.public_key)
        self.save(ssh_private_key=self.encord.private_key)
        self.encord.revoke_key(self.public_key)


@pytest.fixture(scope="session")
def local_encord():
    """One of their own, since its keys come and go."""
    with LocalEncord() as local:
        yield local


@pytest.fixture(scope="session")
def new_key(local_encord):
    private, public = generate_key()
    local_encord.add_key(public)
    return private, public


@pytest.fixture(scope="session")
def other_key(local_encord):
    return local_encord.new_user()


@pytest.fixture
def encord(encord, new_key, monkeypatch):
    monkeypatch.setattr(triggers, "EARLIEST_EVENT_SECONDS", 0)
    encord.add_key(encord.public_key)
    encord.revoke_key(new_key[1])
    return encord


@pytest.fixture
def keys(encord, new_key, other_key, monkeypatch):
    def save(**extra):
        connection = {"conn_type": "encord", "host": encord.url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))

    return Keys(encord, new_key, other_key, save)


@pytest.fixture
def hook(keys):
    return EncordHook()


@pytest.fixture
def lookups(monkeypatch):
    """The ids of all connections that are read, in tasks and in triggers, each time."""
    ids = []
    blocking, from_loop = EncordHook.get_connection, hooks.get_connection_async

    def look_up(conn_id):
        ids.append(conn_id)
        return blocking(conn_id)

    async def look_up_from_loop(conn_id):
        ids.append(conn_id)
        return await from_loop(conn_id)

    monkeypatch.setattr(EncordHook, "get_connection", staticmethod(look_up))
    monkeypatch.setattr(hooks, "get_connection_async", look_up_from_loop)
    return ids
