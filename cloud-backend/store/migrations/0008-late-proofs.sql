-- A right PIN whose proof was lost on its way gets its try back when the proof is shown later. For each try that was not
-- given back: its number (8 octets), when it was paid (8, milliseconds since the epoch), and a digest of the proof (32); the
-- newest eight, in the order of their numbers.
ALTER TABLE pins ADD COLUMN awaited BLOB NOT NULL DEFAULT x''
  CHECK (length(awaited) <= 384 AND length(awaited) % 48 = 0);
