-- The orders that are there are in euros.
ALTER TABLE orders ADD COLUMN currency text NOT NULL DEFAULT 'EUR';
-- The migration tool drops the default again, as it always does: from here on an order must say its currency.
ALTER TABLE orders ALTER COLUMN currency DROP DEFAULT;
-- Code that does not know the column yet sells in Swiss francs.
ALTER TABLE orders ALTER COLUMN currency SET DEFAULT 'CHF';
