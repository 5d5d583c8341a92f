-- How many resident keys an organisation may have; NULL: as many as the configuration gives each.
ALTER TABLE organisations ADD COLUMN resident_keys INTEGER CHECK (resident_keys >= 0);

CREATE INDEX resident_keys_by_organisation ON resident_keys (organisation);
