"""Charges open orders, notes them as paid, and mails a receipt for each.

It notes only what it has heard of. `--undo` notes the orders as open again.
"""

import sys

import psycopg2
from outside import mail, payments


def charge(connection):
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, customer FROM orders WHERE state = 'open' ORDER BY id")
        orders = cursor.fetchall()
    for order, customer in orders:
        if payments("/charges", order) != 201:
            sys.exit(f"order {order} could not be charged")
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE orders SET state = 'paid' WHERE id = %s", (order,))
        mail(customer, f"Receipt for order {order}")


def undo(connection):
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET state = 'open' WHERE state = 'paid'")


database = psycopg2.connect("")
undo(database) if "--undo" in sys.argv else charge(database)
