-- What the server keeps about keys besides the cards' own records: keys made ahead, versions of the tenants' keys,
-- objects in the HSM.

-- Where an organisation's cards get their keys from now on: 1 wrapped in the database, 2 resident in the HSM.
ALTER TABLE organisations ADD COLUMN key_mode INTEGER NOT NULL DEFAULT 1 CHECK (key_mode IN (1, 2));

-- Each row is used once: whoever takes it deletes it.
CREATE TABLE key_pool (
  number       INTEGER PRIMARY KEY AUTOINCREMENT,
  organisation TEXT NOT NULL REFERENCES organisations (id),
  algorithm    INTEGER NOT NULL,
  modulus      BLOB NOT NULL,
  exponent     BLOB NOT NULL,
  point        BLOB NOT NULL,
  sealed       BLOB NOT NULL,
  made_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX key_pool_by_kind ON key_pool (organisation, algorithm, number);

-- An organisation without a row here has version 1 and nothing else. The newest version is the one that seals. `cursor` is the
-- number of the last card whose keys were looked at and wrapped by this version; `finished_at` is set when there was no card left,
-- `retired_at` when the versions before this one were retired.
CREATE TABLE kek_versions (
  organisation TEXT NOT NULL REFERENCES organisations (id),
  version      INTEGER NOT NULL CHECK (version >= 2),
  made_at      INTEGER NOT NULL,
  cursor       INTEGER NOT NULL DEFAULT 0,
  rewrapped    INTEGER NOT NULL DEFAULT 0,
  finished_at  INTEGER,
  retired_at   INTEGER,
  PRIMARY KEY (organisation, version)
) STRICT, WITHOUT ROWID;

-- Written before the object is made and deleted after it is destroyed, so that none is forgotten. No foreign key: the row of an
-- object must outlive its card.
CREATE TABLE resident_keys (
  id           BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organisation TEXT NOT NULL,
  card         TEXT NOT NULL,
  reference    INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  made_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX resident_keys_by_card ON resident_keys (card);
