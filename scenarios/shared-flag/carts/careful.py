"""The flag turns on code that says a cart in another way, beside the way it was said before. Every cart is
written both ways as long as anybody may want to go back, and what is new says which version it is: so code with
the flag on reads old carts, and code with the flag off reads new ones.

`--convert` says every cart in the new way too; `--clean-up` takes that away again.
"""

import json
import sys

from serving import cache, customers, flag_is_on, run, serve

VERSION = 2


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
        write_new(customer, cart)


def write_new(customer, cart):
    said = json.dumps({"version": VERSION, "cart": cart})
    cache.set("cart2:" + customer, said)
    run("UPDATE carts SET body2 = %s WHERE customer = %s", (said, customer))


def convert():
    for customer in customers():
        write_new(customer, cache.hgetall("cart:" + customer))


def clean_up():
    for name in cache.scan_iter("cart2:*"):
        cache.delete(name)
    run("UPDATE carts SET body2 = NULL WHERE body2 IS NOT NULL")


wanted = sys.argv[1] if sys.argv[1:] else "--serve"
{"--convert": convert, "--clean-up": clean_up, "--serve": lambda: serve(read, write)}[wanted]()
