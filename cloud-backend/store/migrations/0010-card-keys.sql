-- Master keys from which the GlobalPlatform keys of an organisation's cards are made: one for all three, or one for each. They stand
-- here as the signers seal them. A set that was retired has lost its keys; what it was stays, since cards name it.

CREATE TABLE card_keys (
  organisation TEXT NOT NULL REFERENCES organisations (id),
  number       INTEGER NOT NULL CHECK (number > 0),
  key_version  INTEGER NOT NULL CHECK (key_version BETWEEN 1 AND 127),
  protocol     INTEGER NOT NULL CHECK (protocol IN (2, 3)),
  options      INTEGER NOT NULL CHECK (options BETWEEN 0 AND 255),
  scheme       INTEGER NOT NULL CHECK (scheme IN (1, 2, 3)),
  algorithm    INTEGER NOT NULL CHECK (algorithm BETWEEN 1 AND 4),
  parts        INTEGER NOT NULL CHECK (parts IN (0, 2, 3)),
  imported     INTEGER NOT NULL CHECK (imported IN (0, 1)),
  check_values BLOB NOT NULL CHECK (length(check_values) IN (3, 9)),
  master_1     BLOB,
  master_2     BLOB,
  master_3     BLOB,
  made_at      INTEGER NOT NULL,
  retired_at   INTEGER,
  PRIMARY KEY (organisation, number),
  CHECK ((retired_at IS NULL) = (master_1 IS NOT NULL)),
  CHECK ((master_2 IS NULL) = (master_3 IS NULL))
) STRICT, WITHOUT ROWID;
