-- What the service knows of a cart, for the reports. `body` is the old way to say it, `body2` the new one.
CREATE TABLE carts (customer text PRIMARY KEY, body text, body2 jsonb);

INSERT INTO carts SELECT 'seed-' || n, 'book=' || n, NULL FROM generate_series(1, 50) AS n;
