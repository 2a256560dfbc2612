CREATE TABLE people (
    id   bigserial PRIMARY KEY,
    name text NOT NULL
);

INSERT INTO people (name) SELECT 'Given' || n || ' Family' || n FROM generate_series(1, 100) AS n;
