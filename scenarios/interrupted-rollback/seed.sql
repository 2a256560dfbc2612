CREATE TABLE orders (id bigint PRIMARY KEY, amount numeric(10, 2) NOT NULL);

INSERT INTO orders SELECT n, (n * 7 % 1000) + 0.99 FROM generate_series(1, 200) AS n;

CREATE TABLE releases (version integer PRIMARY KEY);

INSERT INTO releases VALUES (1);
