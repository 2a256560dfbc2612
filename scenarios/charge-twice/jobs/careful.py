"""Charges open orders, notes them as paid, and mails a receipt for each.

Before it calls anybody it writes the order and a key into `charges`, and each try sends that key: the provider knows
a repetition by it, so the job may be killed anywhere and begun again. A mail has no such key: it is noted as sent
before it is sent, because no receipt is better than two. `--undo` refunds what `charges` says, with keys of their own,
and may itself be killed and begun again.
"""

import sys
import uuid

import psycopg2
from outside import mail, payments

# The key that is there already, where there is one.
KEY = """INSERT INTO charges VALUES (%s, %s, false)
         ON CONFLICT (id) DO UPDATE SET key = charges.key RETURNING key"""


def charge(connection):
    keep_list(connection)
    for (order,) in run(connection, "SELECT id FROM orders WHERE state = 'open' ORDER BY id"):
        ((key,),) = run(connection, KEY, order, str(uuid.uuid4()))
        if payments("/charges", order, key) != 201:
            sys.exit(f"order {order} could not be charged")
        run(connection, "UPDATE orders SET state = 'paid' WHERE id = %s", order)
        tell(connection, order, "Receipt", told=True)


def undo(connection):
    # Where nothing was done there is nothing to undo, and this makes that the ordinary case.
    keep_list(connection)
    for order, key, state in run(connection, "SELECT id, key, state FROM charges JOIN orders USING (id) ORDER BY id"):
        # Nobody has heard what became of it. Asked again with its key, the provider says so, or does it now.
        if state == "open" and payments("/charges", order, key) != 201:
            sys.exit(f"nobody knows whether order {order} was charged")
        if payments("/refunds", order, f"refund-{key}") != 201:
            sys.exit(f"order {order} could not be refunded")
        run(connection, "UPDATE orders SET state = 'open' WHERE id = %s", order)
        tell(connection, order, "Refund", told=False)
        run(connection, "DELETE FROM charges WHERE id = %s", order)
    run(connection, "DROP TABLE charges")


def tell(connection, order, what, told):
    """Writes to the customer, unless that was noted before."""
    if run(connection, "UPDATE charges SET told = %s WHERE id = %s AND told <> %s RETURNING id", told, order, told):
        ((customer,),) = run(connection, "SELECT customer FROM orders WHERE id = %s", order)
        mail(customer, f"{what} for order {order}")


def keep_list(connection):
    run(connection, "CREATE TABLE IF NOT EXISTS charges (id bigint PRIMARY KEY, key text NOT NULL, told boolean NOT NULL)")


def run(connection, statement, *values):
    """One statement in a transaction of its own; its rows."""
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


database = psycopg2.connect("")
undo(database) if "--undo" in sys.argv else charge(database)
