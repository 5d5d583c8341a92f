-- Each organisation has its own namespace (decisions/0001-people-are-an-organisations-own.md): what one says of its people neither
-- takes a name away from another one, nor tells it whether the name is known.

ALTER TABLE person_identifiers RENAME TO person_identifiers_before;

-- By what people are known outside, as certificates say it; each names one person of the organisation. In small letters where
-- letters' case means nothing (e-mail, UPN).
CREATE TABLE person_identifiers (
  organisation TEXT NOT NULL,
  kind         TEXT NOT NULL CHECK (kind IN ('email', 'uid', 'upn')),
  value        TEXT NOT NULL CHECK (value <> ''),
  person       TEXT NOT NULL,
  PRIMARY KEY (organisation, kind, value),
  FOREIGN KEY (organisation, person) REFERENCES people (organisation, id)
) STRICT, WITHOUT ROWID;

INSERT INTO person_identifiers (organisation, kind, value, person)
SELECT organisation, kind, value, person FROM person_identifiers_before;

DROP TABLE person_identifiers_before;

CREATE INDEX person_identifiers_by_person ON person_identifiers (organisation, person);
