-- From wherever the migration stopped: what was ordered since stays.
ALTER TABLE orders DROP COLUMN IF EXISTS currency;
