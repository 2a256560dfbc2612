"""The flag turns on code that says a cart in another way, in the place where it was said before. With the flag
off, the old code meets what the new code wrote: it knows no such cart, and shows an empty one.

`--convert` brings every cart into the new form.
"""

import json
import sys

import redis

from serving import cache, customers, flag_is_on, run, serve


def read(customer):
    if flag_is_on():
        return read_new(customer)
    try:
        return cache.hgetall("cart:" + customer) or None
    except redis.ResponseError:
        return {}


def read_new(customer):
    cart = cache.get("cart:" + customer)
    return cart and json.loads(cart)


def write(customer, cart):
    if flag_is_on():
        write_new(customer, cart)
        return
    cache.hset("cart:" + customer, mapping=cart)
    save(customer, ",".join(f"{item}={count}" for item, count in cart.items()))


def write_new(customer, cart):
    body = json.dumps(cart)
    cache.set("cart:" + customer, body)
    save(customer, body)


def save(customer, body):
    run(
        "INSERT INTO carts (customer, body) VALUES (%s, %s) ON CONFLICT (customer) DO UPDATE SET body = excluded.body",
        (customer, body),
    )


def convert():
    for customer in customers():
        if cache.type("cart:" + customer) == "hash":
            write_new(customer, cache.hgetall("cart:" + customer))


convert() if "--convert" in sys.argv else serve(read, write)
