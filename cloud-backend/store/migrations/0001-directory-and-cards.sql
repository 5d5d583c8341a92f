-- Tenants, people, cards with their records and PINs, devices. Times are milliseconds since 1970-01-01 UTC; enumerations
-- carry the numbers of rows.h and of the card's ports, which never change meaning.

CREATE TABLE organisations (
  id         TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
  name       TEXT NOT NULL UNIQUE CHECK (name <> ''),
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE people (
  id           TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
  organisation TEXT NOT NULL REFERENCES organisations (id),
  name         TEXT NOT NULL CHECK (name <> ''),
  email        TEXT NOT NULL COLLATE NOCASE,
  created_at   INTEGER NOT NULL,
  UNIQUE (organisation, id)
) STRICT;
CREATE UNIQUE INDEX people_by_email ON people (organisation, email) WHERE email <> '';

-- `number` stands for the card in the tables that hang on it; `id` is its name to the outside.
CREATE TABLE cards (
  number       INTEGER PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE CHECK (id <> ''),
  organisation TEXT NOT NULL REFERENCES organisations (id),
  holder       TEXT,
  profile      TEXT NOT NULL CHECK (profile <> ''),
  label        TEXT NOT NULL,
  serial       INTEGER NOT NULL UNIQUE CHECK (serial BETWEEN 0 AND 4294967295),
  state        INTEGER NOT NULL CHECK (state IN (1, 2)),
  generation   INTEGER NOT NULL DEFAULT 1,
  created_at   INTEGER NOT NULL,
  -- A holder is of the card's own organisation.
  FOREIGN KEY (organisation, holder) REFERENCES people (organisation, id)
) STRICT;
CREATE INDEX cards_by_holder ON cards (organisation, holder);

CREATE TABLE records (
  card  INTEGER NOT NULL REFERENCES cards (number) ON DELETE CASCADE,
  space INTEGER NOT NULL,
  id    INTEGER NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (card, space, id)
) STRICT;

-- Tries are two counters that only grow: `spent` numbers each attempt, `forgiven` is the number of the last attempt that
-- was right. Tries left are tries_max - (spent - forgiven).
CREATE TABLE pins (
  card      INTEGER NOT NULL REFERENCES cards (number) ON DELETE CASCADE,
  ref       INTEGER NOT NULL CHECK (ref BETWEEN 0 AND 255),
  algorithm INTEGER NOT NULL CHECK (algorithm = 1),
  passes    INTEGER NOT NULL,
  memory    INTEGER NOT NULL,
  salt      BLOB NOT NULL CHECK (length(salt) = 16),
  hash      BLOB NOT NULL CHECK (length(hash) = 32),
  tries_max INTEGER NOT NULL CHECK (tries_max BETWEEN 1 AND 255),
  spent     INTEGER NOT NULL DEFAULT 0,
  forgiven  INTEGER NOT NULL DEFAULT 0,
  factory   INTEGER NOT NULL CHECK (factory IN (0, 1)),
  version   INTEGER NOT NULL,
  PRIMARY KEY (card, ref),
  CHECK (forgiven >= 0 AND spent - forgiven BETWEEN 0 AND tries_max)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
  id           TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
  organisation TEXT NOT NULL REFERENCES organisations (id),
  person       TEXT,
  role         INTEGER NOT NULL CHECK (role IN (1, 2)),
  name         TEXT NOT NULL,
  public_key   BLOB NOT NULL CHECK (length(public_key) = 32),
  created_at   INTEGER NOT NULL,
  revoked_at   INTEGER,
  FOREIGN KEY (organisation, person) REFERENCES people (organisation, id)
) STRICT;
CREATE INDEX devices_by_organisation ON devices (organisation);

CREATE TABLE enrolment_codes (
  hash         BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
  organisation TEXT NOT NULL REFERENCES organisations (id),
  person       TEXT,
  role         INTEGER NOT NULL CHECK (role IN (1, 2)),
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  FOREIGN KEY (organisation, person) REFERENCES people (organisation, id)
) STRICT, WITHOUT ROWID;

-- One row, rewritten to find out whether writing works.
CREATE TABLE probe (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  count INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, count) VALUES (1, 0);
