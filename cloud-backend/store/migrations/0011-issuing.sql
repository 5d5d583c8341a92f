-- Cards that a registration authority issues: how far they have come, and by which request a blank one was asked for. Numbers
-- are those of rows.h: 0 in use or made in another way, 1 blank, 2 being issued, 3 issued and its holder not enrolled.

ALTER TABLE cards ADD COLUMN issuance INTEGER NOT NULL DEFAULT 0 CHECK (issuance BETWEEN 0 AND 3);
ALTER TABLE cards ADD COLUMN asked_by TEXT;
ALTER TABLE cards ADD COLUMN asked_key TEXT;
ALTER TABLE cards ADD COLUMN asked_at INTEGER;
CREATE UNIQUE INDEX cards_by_request ON cards (organisation, asked_by, asked_key) WHERE asked_key IS NOT NULL;
CREATE INDEX cards_by_issuance ON cards (organisation, issuance) WHERE issuance <> 0;

-- By what people are known outside, as certificates say it; each names one person on the whole server. In small letters where
-- letters' case means nothing (e-mail, UPN).
CREATE TABLE person_identifiers (
  kind         TEXT NOT NULL CHECK (kind IN ('email', 'uid', 'upn')),
  value        TEXT NOT NULL CHECK (value <> ''),
  organisation TEXT NOT NULL,
  person       TEXT NOT NULL,
  PRIMARY KEY (kind, value),
  FOREIGN KEY (organisation, person) REFERENCES people (organisation, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX person_identifiers_by_person ON person_identifiers (organisation, person);
