"""The flag turns on code that says a cart in another way, beside the way it was said before. Every cart is
written both ways as long as anybody may want to go back, and what is new says which version it is: so code with
the flag on reads old carts, and code with the flag off reads new ones.

`--convert` says every cart in the new way too; `--clean-up` takes that away again. Both go through the carts in eight
parts, however many customers there are.
"""

import json
import sys

from serving import cache, flag_is_on, run, serve

VERSION = 2
# Carts are in one part or another by their customers' names.
PARTS = 8
OF_PART = f"hashtext(customer) & {PARTS - 1} = %s"


def read(customer):
    said = flag_is_on() and cache.get("cart2:" + customer)
    if said and json.loads(said)["version"] == VERSION:
        return json.loads(said)["cart"]
    return cache.hgetall("cart:" + customer) or None


def write(customer, cart):
    cache.hset("cart:" + customer, mapping=cart)
    run(
        "INSERT INTO carts (customer, body) VALUES (%s, %s) ON CONFLICT (customer) DO UPDATE SET body = excluded.body",
        (customer, ",".join(f"{item}={count}" for item, count in cart.items())),
    )
    if flag_is_on():
        # The flag may have been turned off meanwhile, and what is new cleaned up: that waits for whoever is in here.
        run("SELECT pg_advisory_lock_shared(%s)", (VERSION,))
        try:
            if flag_is_on():
                write_new(customer, cart)
        finally:
            run("SELECT pg_advisory_unlock_shared(%s)", (VERSION,))


def write_new(customer, cart):
    said = json.dumps({"version": VERSION, "cart": cart})
    cache.set("cart2:" + customer, said)
    run("UPDATE carts SET body2 = %s WHERE customer = %s", (said, customer))


def convert():
    for part in range(PARTS):
        said = {
            customer: json.dumps({"version": VERSION, "cart": dict(item.split("=") for item in body.split(","))})
            for customer, body in run(f"SELECT customer, body FROM carts WHERE {OF_PART}", (part,))
        }
        cache.mset({"cart2:" + customer: cart for customer, cart in said.items()})
        run(
            "UPDATE carts SET body2 = said.value FROM jsonb_each(%s) AS said WHERE customer = said.key",
            (json.dumps({customer: json.loads(cart) for customer, cart in said.items()}),),
        )


def clean_up():
    """The flag is off. Who has seen it on has written what it has to write when it lets go of the lock."""
    run("SELECT pg_advisory_lock(%s)", (VERSION,))
    run("SELECT pg_advisory_unlock(%s)", (VERSION,))
    for part in range(PARTS):
        # Whoever has a row may have a new cart, whether or not that was noted in the row.
        customers = run(f"SELECT customer FROM carts WHERE {OF_PART}", (part,))
        cache.delete(*("cart2:" + customer for (customer,) in customers))
        run(f"UPDATE carts SET body2 = NULL WHERE {OF_PART} AND body2 IS NOT NULL", (part,))


wanted = sys.argv[1] if sys.argv[1:] else "--serve"
{"--convert": convert, "--clean-up": clean_up, "--serve": lambda: serve(read, write)}[wanted]()
