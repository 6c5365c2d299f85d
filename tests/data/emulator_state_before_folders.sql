BEGIN TRANSACTION;
CREATE TABLE api_keys (
    key TEXT PRIMARY KEY, key_hash TEXT NOT NULL, dataset TEXT NOT NULL, title TEXT NOT NULL, scopes TEXT NOT NULL);
CREATE TABLE datasets (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, folder TEXT, title TEXT NOT NULL, description TEXT NOT NULL,
    storage_location INTEGER NOT NULL, created_at REAL NOT NULL, edited_at REAL NOT NULL);
INSERT INTO "datasets" VALUES('0247da70-2830-4d3a-91cf-25abfdc986de','USER','8d37b903-c022-4c52-8c3e-cd4d801e1836','old','',0,1.79566225042731237408e+09,1.79566225043586635582e+09);
CREATE TABLE files (
    item TEXT NOT NULL, position INTEGER NOT NULL, uuid TEXT NOT NULL, url TEXT NOT NULL, title TEXT NOT NULL,
    width INTEGER, height INTEGER, file_size INTEGER, file_type TEXT, PRIMARY KEY (item, position));
INSERT INTO "files" VALUES('10c6563f-5936-491d-917a-86ce27408d1f',0,'faa49107-3ac8-4060-982d-393cc528c6e1','gs://b/2.png','2.png',NULL,NULL,NULL,'image/png');
INSERT INTO "files" VALUES('10c6563f-5936-491d-917a-86ce27408d1f',1,'61d474a7-2878-4cc6-90d0-caeefe7ca150','gs://b/3.png','3.png',NULL,NULL,NULL,'image/png');
CREATE TABLE folders (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, parent TEXT, dataset TEXT, name TEXT NOT NULL,
    description TEXT NOT NULL, client_metadata TEXT, created_at REAL NOT NULL);
INSERT INTO "folders" VALUES('8d37b903-c022-4c52-8c3e-cd4d801e1836','USER',NULL,'0247da70-2830-4d3a-91cf-25abfdc986de','old','',NULL,1.79566225042734026913e+09);
CREATE TABLE integrations (uuid TEXT PRIMARY KEY, title TEXT NOT NULL, provider INTEGER NOT NULL);
INSERT INTO "integrations" VALUES('9a361ebb-2a2c-5bba-8c6f-e084a95f3ad3','AWS',1);
INSERT INTO "integrations" VALUES('d1108902-597a-53f5-b697-0360be0cee55','GCP',2);
INSERT INTO "integrations" VALUES('7139f63c-f68d-53f8-a7d9-0434a177ebfc','Azure',3);
CREATE TABLE items (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, folder TEXT NOT NULL, job TEXT, data_type TEXT NOT NULL,
    title TEXT NOT NULL, url TEXT, identity TEXT NOT NULL, storage_location INTEGER NOT NULL, width INTEGER,
    height INTEGER, fps REAL, duration REAL, file_size INTEGER, file_type TEXT, optimised INTEGER,
    client_metadata TEXT NOT NULL, created_at REAL NOT NULL);
INSERT INTO "items" VALUES('51a10f3a-e810-47c8-892d-337e12d0a927','USER','8d37b903-c022-4c52-8c3e-cd4d801e1836','e8cae480-39fa-4e66-b21f-070a846fbec7','IMAGE','1.png','gs://b/1.png','gs://b/1.png',2,NULL,NULL,NULL,NULL,NULL,'image/png',NULL,'{}',1.79566225043111324312e+09);
INSERT INTO "items" VALUES('10c6563f-5936-491d-917a-86ce27408d1f','USER','8d37b903-c022-4c52-8c3e-cd4d801e1836','e8cae480-39fa-4e66-b21f-070a846fbec7','IMG_GROUP','g',NULL,'be2472bdf6e275195455c610ac0ec09ac72f125e6bd85f1c9fd721eda89abe0c',2,NULL,NULL,NULL,NULL,NULL,'image/png',0,'{}',1.79566225043111324312e+09);
INSERT INTO "items" VALUES('1ef99c9d-5a61-4e02-9330-cffa0a1b23df','USER','8d37b903-c022-4c52-8c3e-cd4d801e1836','2e996a7c-6164-4680-884f-2d997e464019','VIDEO','v.mp4','gs://b/v.mp4','gs://b/v.mp4',2,NULL,NULL,NULL,NULL,NULL,'video/mp4',NULL,'{}',1.79566225043581819539e+09);
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, dataset TEXT NOT NULL,
    folder TEXT NOT NULL, ignore_errors INTEGER NOT NULL, due_at REAL NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL, forced TEXT NOT NULL DEFAULT '{}',
    errors TEXT NOT NULL DEFAULT '[]', unit_errors TEXT NOT NULL DEFAULT '[]', pending INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0);
INSERT INTO "jobs" VALUES(1,'e8cae480-39fa-4e66-b21f-070a846fbec7','USER','0247da70-2830-4d3a-91cf-25abfdc986de','8d37b903-c022-4c52-8c3e-cd4d801e1836',0,1.7956622504299688339e+09,1,'DONE','{"status": null, "fail_units": [], "error": "the local Encord was told to fail this"}','[]','[]',0,2,0,0);
INSERT INTO "jobs" VALUES(2,'2e996a7c-6164-4680-884f-2d997e464019','USER','0247da70-2830-4d3a-91cf-25abfdc986de','8d37b903-c022-4c52-8c3e-cd4d801e1836',0,1.795662250435407877e+09,1,'DONE','{"status": null, "fail_units": [], "error": "the local Encord was told to fail this"}','[]','[]',0,1,0,0);
INSERT INTO "jobs" VALUES(3,'cbecb7c6-0020-4b95-bfd8-79fbc71461d0','USER','0247da70-2830-4d3a-91cf-25abfdc986de','8d37b903-c022-4c52-8c3e-cd4d801e1836',0,2.7956622504414806367e+09,0,'PENDING','{"status": null, "fail_units": [], "error": "the local Encord was told to fail this"}','[]','[]',1,0,0,0);
CREATE TABLE keys (key TEXT PRIMARY KEY, user TEXT NOT NULL, revoked INTEGER NOT NULL);
CREATE TABLE objects (
    key TEXT PRIMARY KEY, uuid TEXT NOT NULL, owner TEXT NOT NULL, type TEXT NOT NULL,
    size INTEGER, content_type TEXT, etag TEXT, puts INTEGER NOT NULL DEFAULT 0);
CREATE TABLE payloads (job TEXT PRIMARY KEY, payload BLOB NOT NULL);
INSERT INTO "payloads" VALUES('cbecb7c6-0020-4b95-bfd8-79fbc71461d0',X'7B2266696C6573223A207B22766964656F73223A205B7B226F626A65637455726C223A202267733A2F2F622F772E6D7034227D5D7D2C2022696E746567726174696F6E4964223A202264313130383930322D353937612D353366352D623639372D303336306265306365653535227D');
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, data_hash TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL, item TEXT NOT NULL,
    job TEXT, title TEXT NOT NULL, created_at REAL NOT NULL);
INSERT INTO "rows" VALUES(1,'b0403df5-5705-4127-a6b5-f6698c5a55d9','0247da70-2830-4d3a-91cf-25abfdc986de','51a10f3a-e810-47c8-892d-337e12d0a927','e8cae480-39fa-4e66-b21f-070a846fbec7','1.png',1.79566225043111324312e+09);
INSERT INTO "rows" VALUES(2,'860ecc26-d5d2-4763-9a28-3bf35d4aba29','0247da70-2830-4d3a-91cf-25abfdc986de','10c6563f-5936-491d-917a-86ce27408d1f','e8cae480-39fa-4e66-b21f-070a846fbec7','g',1.79566225043111324312e+09);
INSERT INTO "rows" VALUES(3,'0783d4db-2891-4090-980b-093afdbf055a','0247da70-2830-4d3a-91cf-25abfdc986de','1ef99c9d-5a61-4e02-9330-cffa0a1b23df','2e996a7c-6164-4680-884f-2d997e464019','v.mp4',1.79566225043581819539e+09);
INSERT INTO "rows" VALUES(4,'half','0247da70-2830-4d3a-91cf-25abfdc986de','half','cbecb7c6-0020-4b95-bfd8-79fbc71461d0','t',0.0);
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, hashes TEXT NOT NULL, due_at REAL NOT NULL,
    forced TEXT NOT NULL DEFAULT '{}');
INSERT INTO "tasks" VALUES(1,'0247da70-2830-4d3a-91cf-25abfdc986de','["0783d4db-2891-4090-980b-093afdbf055a"]',1.79566225043963909142e+09,'{"status": null, "fail_units": [], "error": "the local Encord was told to fail this"}');
CREATE INDEX datasets_by_owner ON datasets (owner);
CREATE INDEX items_by_identity ON items (folder, identity);
CREATE INDEX files_by_url ON files (url);
CREATE INDEX rows_by_dataset ON rows (dataset, seq);
CREATE INDEX rows_by_item ON rows (item);
CREATE INDEX rows_by_job ON rows (job);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',3);
INSERT INTO "sqlite_sequence" VALUES('rows',4);
INSERT INTO "sqlite_sequence" VALUES('tasks',1);
COMMIT;
