-- What lets a holder back in without the PIN. Nothing here opens anything by itself: copies are sealed under what the holder
-- knows, codes and links are kept as hashes.

CREATE TABLE recovery_answers (
  card       INTEGER PRIMARY KEY REFERENCES cards (number) ON DELETE CASCADE,
  nonce      BLOB NOT NULL CHECK (length(nonce) = 16),
  ksf        BLOB NOT NULL CHECK (length(ksf) = 9),
  copy_01    BLOB NOT NULL,
  copy_02    BLOB NOT NULL,
  copy_12    BLOB NOT NULL,
  question_0 TEXT NOT NULL CHECK (question_0 <> ''),
  question_1 TEXT NOT NULL CHECK (question_1 <> ''),
  question_2 TEXT NOT NULL CHECK (question_2 <> ''),
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_codes (
  card    INTEGER NOT NULL REFERENCES cards (number) ON DELETE CASCADE,
  name    BLOB NOT NULL CHECK (length(name) = 32),
  copy    BLOB NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (card, name)
) STRICT, WITHOUT ROWID;

-- Kept for a day after they were made, used or not: a card gets three a day.
CREATE TABLE recovery_links (
  hash       BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
  card       INTEGER NOT NULL REFERENCES cards (number) ON DELETE CASCADE,
  actor      TEXT NOT NULL CHECK (actor <> ''),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  attempts   INTEGER NOT NULL CHECK (attempts >= 0),
  ended_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_links_by_card ON recovery_links (card, created_at);
