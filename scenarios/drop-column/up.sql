-- The contract step: the note has moved to another service, and the column goes. Its values are kept
-- until the release has proven itself.
CREATE TABLE orders_note_kept AS SELECT id, note FROM orders;
ALTER TABLE orders DROP COLUMN note;
ALTER TABLE orders_note_kept ADD PRIMARY KEY (id);
