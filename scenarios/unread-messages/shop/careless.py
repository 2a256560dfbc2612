"""Version 2 says an order in other words, and nobody has thought of who reads them. Version 1 rejects what it cannot
read, and what is rejected is gone. A message that is delivered again is work that is done again.

`--serve` takes orders, `--work` ships them, `--work=N` ships N of them.
"""

import sys

from shop import QUEUE, VERSION, Unreadable, serve, work


def declare(opened):
    opened.queue_declare(QUEUE, durable=True)


def say(order):
    if VERSION == 1:
        return order
    return {"order": order["id"], "total": {"value": order["amount"], "currency": "EUR"}}


def read(body):
    if VERSION == 2 and "total" in body:
        return body["order"], body["total"]["value"]
    try:
        return body["id"], body["amount"]
    except KeyError:
        raise Unreadable


def ship(database, message, order, amount):
    with database, database.cursor() as cursor:
        cursor.execute("INSERT INTO shipments (order_id, amount) VALUES (%s, %s)", (order, amount))


wanted, _, most = sys.argv[1].partition("=")
{"--serve": lambda: serve(declare, say), "--work": lambda: work(declare, read, ship, int(most) if most else None)}[wanted]()
