-- The audit log. No foreign keys: its lines outlive what they speak of.

CREATE TABLE audit (
  number       INTEGER PRIMARY KEY,
  at           INTEGER NOT NULL,
  organisation TEXT NOT NULL,
  card         TEXT,
  actor        TEXT NOT NULL CHECK (actor <> ''),
  action       TEXT NOT NULL CHECK (action <> ''),
  success      INTEGER NOT NULL CHECK (success IN (0, 1)),
  detail       TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_organisation ON audit (organisation, number);
CREATE INDEX audit_by_card ON audit (card, number) WHERE card IS NOT NULL;

-- Insert and select only, numbers without gaps. The first trigger also stops INSERT OR REPLACE, which deletes without
-- firing a delete trigger.
CREATE TRIGGER audit_appends_only BEFORE INSERT ON audit
WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'audit lines are numbered without gaps'); END;
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit lines are never changed'); END;
CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit lines are never deleted'); END;
