-- Works from wherever the change had come to.
ALTER TABLE people ADD COLUMN IF NOT EXISTS name text;
ALTER TABLE people ADD COLUMN IF NOT EXISTS given text, ADD COLUMN IF NOT EXISTS family text;
UPDATE people SET name = given || ' ' || family WHERE name IS NULL;
ALTER TABLE people ALTER COLUMN name SET NOT NULL, DROP COLUMN given, DROP COLUMN family;
