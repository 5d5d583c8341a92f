-- What a workstation of the holder and the registration authority open together: a copy of the card's secret under the half that
-- the workstation keeps, and once more under a key that the HSM makes.

CREATE TABLE recovery_halves (
  card   INTEGER NOT NULL REFERENCES cards (number) ON DELETE CASCADE,
  device TEXT NOT NULL CHECK (device <> ''),
  copy   BLOB NOT NULL CHECK (length(copy) = 90),
  PRIMARY KEY (card, device)
) STRICT, WITHOUT ROWID;

-- Whether a registrar or an administrator stands behind the link: only such a one lets halves be used.
ALTER TABLE recovery_links ADD COLUMN assisted INTEGER NOT NULL DEFAULT 0 CHECK (assisted IN (0, 1));
