-- Takes back what the release brought, and nothing else: what was ordered since stays.
DROP INDEX IF EXISTS orders_channel_idx;
ALTER TABLE orders DROP COLUMN IF EXISTS channel;
