ALTER TABLE people ADD COLUMN given text, ADD COLUMN family text;
UPDATE people SET given = split_part(name, ' ', 1), family = split_part(name, ' ', 2);
ALTER TABLE people DROP COLUMN name;
