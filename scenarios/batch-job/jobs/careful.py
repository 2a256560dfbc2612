"""Raises the prices of open orders by 10 % and deletes cancelled ones, 100 at a time, each in a transaction.

What an order was goes into `orders_undo` in the same transaction that changes it. So that table says exactly
what was done: begun again, the job goes on where it stopped, and `--undo` puts back what was done and nothing
else, also 100 at a time, and may itself be stopped and begun again. `--chunks N` ends after so many.
"""

import argparse

import psycopg2

SIZE = 100


def raise_prices(connection, chunks):
    run(connection, "CREATE TABLE IF NOT EXISTS orders_undo (LIKE orders, PRIMARY KEY (id))")
    for _ in range(chunks):
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(id), 0) FROM orders_undo")
            done = cursor.fetchone()[0]
            chunk = (done + 1, done + SIZE)
            cursor.execute("INSERT INTO orders_undo SELECT * FROM orders WHERE id BETWEEN %s AND %s", chunk)
            cursor.execute("UPDATE orders SET amount = amount * 1.1 WHERE id BETWEEN %s AND %s", chunk)
            cursor.execute("DELETE FROM orders WHERE state = 'cancelled' AND id BETWEEN %s AND %s", chunk)


def undo(connection):
    # Where nothing was done there is nothing to undo, and this makes that the ordinary case.
    run(connection, "CREATE TABLE IF NOT EXISTS orders_undo (LIKE orders, PRIMARY KEY (id))")
    while put_back(connection):
        pass
    run(connection, "DROP TABLE orders_undo")


def put_back(connection):
    """The last chunk that was done, as it was; how many orders that are."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """WITH kept AS (DELETE FROM orders_undo WHERE id > (SELECT max(id) - %s FROM orders_undo) RETURNING *)
               INSERT INTO orders SELECT * FROM kept
               ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, state = excluded.state""",
            (SIZE,),
        )
        return cursor.rowcount


def run(connection, statement):
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)


arguments = argparse.ArgumentParser()
arguments.add_argument("--chunks", type=int, default=10)
arguments.add_argument("--undo", action="store_true")
wanted = arguments.parse_args()
database = psycopg2.connect("")
undo(database) if wanted.undo else raise_prices(database, wanted.chunks)
