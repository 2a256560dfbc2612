-- Takes the fee back if it was taken.
UPDATE orders SET amount = amount - 1 WHERE EXISTS (SELECT FROM releases WHERE version = 2);
DELETE FROM releases WHERE version = 2;
