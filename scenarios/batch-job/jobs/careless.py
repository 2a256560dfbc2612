"""Raises the prices of open orders by 10 % and deletes cancelled ones, 100 at a time, each in a transaction.

It remembers nothing: who is done already, what a price was, which orders there were. Begun again, it begins at
the first order. `--chunks N` ends after so many; `--undo` divides every price by 1.1.
"""

import argparse

import psycopg2

SIZE = 100


def raise_prices(connection, chunks):
    for first in range(1, chunks * SIZE, SIZE):
        with connection, connection.cursor() as cursor:
            chunk = (first, first + SIZE - 1)
            cursor.execute("UPDATE orders SET amount = amount * 1.1 WHERE id BETWEEN %s AND %s", chunk)
            cursor.execute("DELETE FROM orders WHERE state = 'cancelled' AND id BETWEEN %s AND %s", chunk)


def undo(connection):
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET amount = amount / 1.1")


arguments = argparse.ArgumentParser()
arguments.add_argument("--chunks", type=int, default=10)
arguments.add_argument("--undo", action="store_true")
wanted = arguments.parse_args()
database = psycopg2.connect("")
undo(database) if wanted.undo else raise_prices(database, wanted.chunks)
