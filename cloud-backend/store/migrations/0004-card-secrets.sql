-- The pair to which a card's keys are sealed: its public half, and for each holder a copy of the secret half that only that
-- holder can open (vault/README.md). Cards from before have none, and keys without that layer.

ALTER TABLE cards ADD COLUMN public_key BLOB CHECK (public_key IS NULL OR length(public_key) = 32);

-- X25519; where there is one, cards made from then on have a copy for its owner.
ALTER TABLE organisations ADD COLUMN escrow_key BLOB CHECK (escrow_key IS NULL OR length(escrow_key) = 32);

CREATE TABLE card_secrets (
  card   INTEGER NOT NULL REFERENCES cards (number) ON DELETE CASCADE,
  holder TEXT NOT NULL CHECK (holder IN ('pin', 'puk', 'issuance', 'escrow')),
  copy   BLOB NOT NULL CHECK (length(copy) IN (95, 115)),
  PRIMARY KEY (card, holder)
) STRICT, WITHOUT ROWID;
