"""The tables of the database, and how one of an older version becomes one of this version."""

VERSION = 2
"""Kept as SQLite's ``user_version``. Databases before folders and items were served have none, which is 0."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, user TEXT NOT NULL, revoked INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS integrations (uuid TEXT PRIMARY KEY, title TEXT NOT NULL, provider INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS folders (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, parent TEXT, dataset TEXT, name TEXT NOT NULL,
    description TEXT NOT NULL, client_metadata TEXT, created_at REAL NOT NULL,
    edited_at REAL, integration TEXT, remote_url TEXT, config TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS folders_by_parent ON folders (parent);
CREATE TABLE IF NOT EXISTS folder_groups (
    folder TEXT NOT NULL, group_hash TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (folder, group_hash));
CREATE TABLE IF NOT EXISTS datasets (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, folder TEXT, title TEXT NOT NULL, description TEXT NOT NULL,
    storage_location INTEGER NOT NULL, created_at REAL NOT NULL, edited_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS datasets_by_owner ON datasets (owner);
CREATE TABLE IF NOT EXISTS api_keys (
    key TEXT PRIMARY KEY, key_hash TEXT NOT NULL, dataset TEXT NOT NULL, title TEXT NOT NULL, scopes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, uuid TEXT NOT NULL, owner TEXT NOT NULL, type TEXT NOT NULL,
    size INTEGER, content_type TEXT, etag TEXT, puts INTEGER NOT NULL DEFAULT 0, folder TEXT);
CREATE INDEX IF NOT EXISTS objects_by_uuid ON objects (uuid);
CREATE TABLE IF NOT EXISTS items (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, folder TEXT NOT NULL, job TEXT, data_type TEXT NOT NULL,
    title TEXT NOT NULL, url TEXT, identity TEXT NOT NULL, storage_location INTEGER NOT NULL, width INTEGER,
    height INTEGER, fps REAL, duration REAL, file_size INTEGER, file_type TEXT, optimised INTEGER,
    client_metadata TEXT NOT NULL, created_at REAL NOT NULL,
    edited_at REAL, description TEXT NOT NULL DEFAULT '', integration TEXT, frame INTEGER NOT NULL DEFAULT 0,
    placeholder INTEGER NOT NULL DEFAULT 0, tombstone INTEGER NOT NULL DEFAULT 0, etag TEXT, seen_by TEXT,
    extra TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS items_by_identity ON items (folder, identity);
CREATE INDEX IF NOT EXISTS items_by_name ON items (folder, title, uuid);
CREATE INDEX IF NOT EXISTS items_by_age ON items (folder, created_at, uuid);
CREATE INDEX IF NOT EXISTS items_of_owner_by_name ON items (owner, title, uuid);
CREATE INDEX IF NOT EXISTS items_of_owner_by_age ON items (owner, created_at, uuid);
CREATE TABLE IF NOT EXISTS files (
    item TEXT NOT NULL, position INTEGER NOT NULL, uuid TEXT NOT NULL, url TEXT NOT NULL, title TEXT NOT NULL,
    width INTEGER, height INTEGER, file_size INTEGER, file_type TEXT, PRIMARY KEY (item, position));
CREATE INDEX IF NOT EXISTS files_by_url ON files (url);
CREATE INDEX IF NOT EXISTS files_by_uuid ON files (uuid);
CREATE TABLE IF NOT EXISTS rows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, data_hash TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL, item TEXT NOT NULL,
    job TEXT, title TEXT NOT NULL, created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS rows_by_dataset ON rows (dataset, seq);
CREATE INDEX IF NOT EXISTS rows_by_item ON rows (item);
CREATE INDEX IF NOT EXISTS rows_by_job ON rows (job);
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, dataset TEXT,
    folder TEXT NOT NULL, ignore_errors INTEGER NOT NULL, due_at REAL NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL, forced TEXT NOT NULL DEFAULT '{}',
    errors TEXT NOT NULL DEFAULT '[]', unit_errors TEXT NOT NULL DEFAULT '[]', pending INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0,
    kind TEXT NOT NULL DEFAULT 'dataset', file_name TEXT, scan TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS jobs_by_folder ON jobs (folder);
CREATE TABLE IF NOT EXISTS job_items (seq INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, item TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS job_items_by_job ON job_items (job, seq);
CREATE TABLE IF NOT EXISTS payloads (job TEXT PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT, hashes TEXT NOT NULL, due_at REAL NOT NULL,
    forced TEXT NOT NULL DEFAULT '{}', uuid TEXT, owner TEXT);
"""

_BEFORE = """
DELETE FROM rows WHERE job IN (SELECT uuid FROM jobs WHERE NOT settled);
DELETE FROM files WHERE item IN (SELECT uuid FROM items WHERE job IN (SELECT uuid FROM jobs WHERE NOT settled));
DELETE FROM items WHERE job IN (SELECT uuid FROM jobs WHERE NOT settled);
ALTER TABLE folders ADD COLUMN edited_at REAL;
ALTER TABLE folders ADD COLUMN integration TEXT;
ALTER TABLE folders ADD COLUMN remote_url TEXT;
ALTER TABLE folders ADD COLUMN config TEXT NOT NULL DEFAULT '{}';
ALTER TABLE objects ADD COLUMN folder TEXT;
ALTER TABLE items ADD COLUMN edited_at REAL;
ALTER TABLE items ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN integration TEXT;
ALTER TABLE items ADD COLUMN frame INTEGER NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN placeholder INTEGER NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN tombstone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN etag TEXT;
ALTER TABLE items ADD COLUMN seen_by TEXT;
ALTER TABLE items ADD COLUMN extra TEXT NOT NULL DEFAULT '{}';
ALTER TABLE jobs RENAME TO jobs_before;
ALTER TABLE tasks RENAME TO tasks_before;
"""

_AFTER = """
INSERT INTO jobs (seq, uuid, owner, dataset, folder, ignore_errors, due_at, settled, status, forced, errors,
                  unit_errors, pending, done, failed, cancelled)
SELECT seq, uuid, owner, dataset, folder, ignore_errors, due_at, settled, status, forced, errors,
       unit_errors, pending, done, failed, cancelled FROM jobs_before;
DROP TABLE jobs_before;
INSERT INTO tasks (id, dataset, hashes, due_at, forced) SELECT id, dataset, hashes, due_at, forced FROM tasks_before;
DROP TABLE tasks_before;
INSERT INTO items (uuid, owner, folder, job, data_type, title, url, identity, storage_location, width, height,
                   file_size, file_type, client_metadata, created_at, integration, frame)
SELECT files.uuid, items.owner, items.folder, items.job,
       CASE items.data_type WHEN 'DICOM' THEN 'DICOM_FILE' ELSE 'IMAGE' END, files.title, files.url, files.url,
       items.storage_location, files.width, files.height, files.file_size, files.file_type, '{}', items.created_at,
       NULL, 1
FROM files JOIN items ON items.uuid = files.item WHERE items.url IS NULL;
UPDATE files SET uuid = item WHERE item IN (SELECT uuid FROM items WHERE url IS NOT NULL);
"""


def script(version: int, empty: bool) -> str:
    """Return what makes a database one of this version; part of it would be as good as nothing, hence a transaction.

    :raises ValueError: if a newer version made it
    """
    if version > VERSION:
        raise ValueError(f"its database is of version {version}; this local Encord knows none newer than {VERSION}")
    old = not empty and version == 0
    steps = [_BEFORE, SCHEMA, _AFTER] if old else [SCHEMA]
    return "\n".join(("BEGIN IMMEDIATE;", *steps, f"PRAGMA user_version = {VERSION};", "COMMIT;"))
