-- PINs prove themselves by OPAQUE: what is stored is a registration record, from which nobody can compute or test a PIN
-- without the tenant's secret in the HSM. A record cannot be made from a hash, so PINs set before are gone with their
-- hashes; cards that have one must be made anew.

DROP TABLE pins;

-- Tries are two counters that only grow: `spent` numbers each attempt, `forgiven` is the number of the last attempt that
-- was right. Tries left are tries_max - (spent - forgiven).
CREATE TABLE pins (
  card      INTEGER NOT NULL REFERENCES cards (number) ON DELETE CASCADE,
  ref       INTEGER NOT NULL CHECK (ref BETWEEN 0 AND 255),
  nonce     BLOB NOT NULL CHECK (length(nonce) = 16),
  ksf       BLOB NOT NULL CHECK (length(ksf) = 9),
  record    BLOB NOT NULL CHECK (length(record) = 192),
  tries_max INTEGER NOT NULL CHECK (tries_max BETWEEN 1 AND 255),
  spent     INTEGER NOT NULL DEFAULT 0,
  forgiven  INTEGER NOT NULL DEFAULT 0,
  factory   INTEGER NOT NULL CHECK (factory IN (0, 1)),
  version   INTEGER NOT NULL,
  PRIMARY KEY (card, ref),
  CHECK (forgiven >= 0 AND spent - forgiven BETWEEN 0 AND tries_max)
) STRICT, WITHOUT ROWID;
