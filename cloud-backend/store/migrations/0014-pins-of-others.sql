-- 1: somebody else than the card's holder has chosen the value, or everybody knows it, and the holder is to change it before keys
-- are used, where the organisation wants that. NULL, as in rows from before: not. So such rows, and their leaves in the log of
-- changes, stay as they were.
ALTER TABLE pins ADD COLUMN must_change INTEGER CHECK (must_change IN (0, 1));
