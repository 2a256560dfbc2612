-- From wherever the contract step had come to.
ALTER TABLE orders ALTER COLUMN amount TYPE numeric(12, 2);
ALTER TABLE IF EXISTS coupons_kept RENAME TO coupons;
CREATE TABLE IF NOT EXISTS orders_note_kept (id bigint, note text);
ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text;
UPDATE orders SET note = kept.note FROM orders_note_kept AS kept
WHERE orders.id = kept.id AND orders.note IS DISTINCT FROM kept.note;
DROP TABLE orders_note_kept;
