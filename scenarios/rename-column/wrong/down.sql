DO $$
BEGIN
    ALTER TABLE orders RENAME COLUMN total TO amount;
EXCEPTION WHEN undefined_column THEN
    NULL;  -- it had not been renamed
END $$;
