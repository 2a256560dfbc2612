"""What both halves share: the stores, the flag, and HTTP. POST /carts writes a customer's cart, GET /carts/NAME
reads it."""

import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import redis

cache = redis.Redis("cache", decode_responses=True)
database = psycopg2.connect("")
database.autocommit = True


def flag_is_on():
    return cache.get("flag:new-carts") == "on"


def run(statement, values=()):
    """One statement, in a transaction of its own, and its rows; the connection takes one at a time."""
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def customers():
    """Everybody with a cart, in order."""
    return sorted(name.removeprefix("cart:") for name in cache.scan_iter("cart:*"))


def serve(read, write):
    class Carts(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path == "/healthz":
                self.answer(200, {"ok": cache.ping()})
                return
            cart = read(self.path.removeprefix("/carts/"))
            self.answer(404 if cart is None else 200, cart)

        def do_POST(self):
            cart = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            customer = cart.pop("customer")
            write(customer, cart)
            self.answer(201, {"customer": customer})

        def answer(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("", 8080), Carts).serve_forever()
