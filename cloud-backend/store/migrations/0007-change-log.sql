-- What every row of every other table was changed to, in order (cloud-backend/audit/README.md). Written by the server in the
-- transaction of the change; `tag` proves that it was the server.

CREATE TABLE change_log (
  number  INTEGER PRIMARY KEY,
  row_key BLOB NOT NULL,
  card    INTEGER,
  hash    BLOB NOT NULL CHECK (length(hash) = 32),
  tag     BLOB NOT NULL CHECK (length(tag) = 32)
) STRICT;

-- The newest one only: an older one is the beginning of it.
CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  note TEXT NOT NULL
) STRICT;

-- Cards with rows that were not what the server wrote. By id: what else is known of such a card may be wrong.
CREATE TABLE freezes (
  card   TEXT PRIMARY KEY NOT NULL,
  reason TEXT NOT NULL,
  at     INTEGER NOT NULL
) STRICT;
