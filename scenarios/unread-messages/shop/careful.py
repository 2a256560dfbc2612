"""Version 2 says an order in other words, and says that it does: each message carries its version. What a version
does not know it rejects, and what is rejected goes to `orders.dead` and waits there. Which messages were worked on is
written in the transaction of that work, so that one that is delivered again is not work that is done again.

`--serve` takes orders, `--work` ships them, `--work=N` ships N of them, `--replay` announces again, in the words of
version 1, what waits.
"""

import json
import sys
import time
import uuid

from shop import QUEUE, VERSION, Unreadable, channel, publish, serve, work

DEAD = "orders.dead"
# No worker can ever read it.
NEVER = 1_000_000


def declare(opened):
    opened.queue_declare(DEAD, durable=True)
    rejected = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD}
    opened.queue_declare(QUEUE, durable=True, arguments=rejected)


def say(order):
    if VERSION == 1:
        return {"version": 1, **order}
    return {"version": 2, "order": order["id"], "total": {"value": order["amount"], "currency": "EUR"}}


def read(body):
    if body["version"] > VERSION:
        raise Unreadable
    if body["version"] == 1:
        return body["id"], body["amount"]
    return body["order"], body["total"]["value"]


def ship(database, message, order, amount):
    with database, database.cursor() as cursor:
        cursor.execute("INSERT INTO processed VALUES (%s) ON CONFLICT DO NOTHING", (message,))
        if cursor.rowcount == 1:
            cursor.execute("INSERT INTO shipments (order_id, amount) VALUES (%s, %s)", (order, amount))


def replay():
    """A message is taken away when it has been announced again: killed in between, it is announced twice, and worked
    on once. What the worker holds is in neither queue, and may be rejected yet: so a mark follows all that was
    announced, and when it has been rejected too, nothing more comes."""
    opened = channel()
    declare(opened)
    mark = str(uuid.uuid4())
    publish(opened, mark, {"version": NEVER})
    while True:
        method, properties, body = opened.basic_get(DEAD)
        if method is None:
            time.sleep(0.02)
            continue
        said = json.loads(body)
        # The mark of a replay that was killed is only taken away.
        if said["version"] != NEVER:
            order, amount = read(said)
            publish(opened, order, {"version": 1, "id": order, "amount": amount})
        opened.basic_ack(method.delivery_tag)
        if properties.message_id == mark:
            break
    opened.connection.close()


wanted, _, most = sys.argv[1].partition("=")
{
    "--serve": lambda: serve(declare, say),
    "--work": lambda: work(declare, read, ship, int(most) if most else None),
    "--replay": replay,
}[wanted]()
