-- Restore and replay, in one transaction: the table as the backup has it, and then every order since. Customers
-- wait a moment, and lose nothing. Begun again, it does the same once more.
\set ON_ERROR_STOP on
BEGIN;
LOCK TABLE orders;
CREATE TEMPORARY TABLE now_there ON COMMIT DROP AS SELECT id, customer, amount FROM orders;
DROP TABLE orders;
\i /backups/orders.sql
INSERT INTO public.orders (id, customer, amount)
SELECT id, customer, amount FROM pg_temp.now_there AS later
WHERE NOT EXISTS (SELECT FROM public.orders WHERE id = later.id);
SELECT pg_catalog.setval('public.orders_id_seq', (SELECT max(id) FROM public.orders));
COMMIT;
