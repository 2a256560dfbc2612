"""A small shop: POST /orders writes an order, GET /orders/ID reads it, GET /orders?customer=NAME lists those
of a customer, PUT and DELETE /orders?customer=NAME change and remove them, GET /healthz asks the database, GET
/metrics counts the answers to all of these for Prometheus. GET /ready is for a proxy, which asks whether to send
requests here; GET /seen says whether it knows that it may. On SIGTERM the shop ends; with BEHIND_PROXY it is ready no
more, and ends when the proxy knows and everybody has an answer.

Version 1 shows an order's note. Version 2 does not know the column. Version 2-broken is a release that
was built against a setting nobody has: it answers, and it is never healthy. AMOUNT_COLUMN says what the
column of an order's amount is called.
"""

import json
import os
import signal
import threading
import urllib.parse
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

VERSION = os.environ["SHOP_VERSION"]
COLUMNS = ["id", "customer", "amount"] + (["note"] if VERSION == "1" else [])
AMOUNT = os.environ.get("AMOUNT_COLUMN", "amount")
SELECT = "SELECT " + ", ".join(AMOUNT if column == "amount" else column for column in COLUMNS) + " FROM orders"


def connect():
    return psycopg2.connect(
        host=os.environ.get("PGHOST", "db"),
        dbname=os.environ.get("PGDATABASE", "shop"),
        user=os.environ.get("PGUSER", "shop"),
        password=os.environ["PGPASSWORD"],
        application_name="shop-api",
        connect_timeout=3,
    )


def customer_of(path):
    return urllib.parse.unquote_plus(path.partition("?customer=")[2])


def query(text, values=(), every=False):
    """One statement on a connection of its own; its first row, or every one."""
    connection = connect()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if every else cursor.fetchone()
    finally:
        connection.close()


class Readiness:
    """Whether requests are to be sent here, and whether whoever asks knows it. Who asks twice has dealt with the first
    answer: it sends no more than it has sent by then, and that was accepted before."""

    def __init__(self):
        self.changed = threading.Condition()
        self.ready = True
        self.asked = 0
        self.connections = 0

    def ask(self):
        with self.changed:
            self.asked += 1
            self.changed.notify_all()
            return self.ready

    def is_known(self):
        return self.asked > 1

    def count(self, connections):
        with self.changed:
            self.connections += connections
            self.changed.notify_all()

    def end(self, *_):
        if "BEHIND_PROXY" in os.environ:
            # Not here: the main thread, which accepts connections, is the one that is told of signals.
            threading.Thread(target=self.drain).start()
        else:
            os._exit(0)

    def drain(self):
        with self.changed:
            self.ready = False
            self.asked = 0
            self.changed.wait_for(lambda: self.is_known() and self.connections == 0)
        os._exit(0)


READINESS = Readiness()


class Answers:
    """How many requests were answered, by status."""

    def __init__(self):
        self.lock = threading.Lock()
        # What was never counted has no rate: Prometheus must see it at zero first.
        self.by_status = Counter({200: 0, 201: 0, 503: 0})

    def count(self, status):
        with self.lock:
            self.by_status[status] += 1

    def text(self):
        lines = ["# TYPE shop_up gauge", "shop_up 1", "# TYPE shop_requests_total counter"]
        with self.lock:
            counts = sorted(self.by_status.items())
        lines += ['shop_requests_total{status="%d"} %d' % count for count in counts]
        return "\n".join(lines) + "\n"


ANSWERS = Answers()


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        ANSWERS.count(status)
        self.send(status, "application/json", json.dumps(body) + "\n")

    def send(self, status, kind, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        try:
            if self.path == "/healthz":
                self.health()
            elif self.path == "/metrics":
                self.send(200, "text/plain; version=0.0.4", ANSWERS.text())
            elif self.path == "/ready":
                self.send(200 if READINESS.ask() else 404, "text/plain", "")
            elif self.path == "/seen":
                self.send(200 if READINESS.is_known() else 503, "text/plain", "")
            elif self.path == "/version":
                flag = os.environ.get("NEW_CHECKOUT", "off")
                self.answer(200, {"version": VERSION, "new_checkout": flag})
            elif self.path.startswith("/orders?customer="):
                self.orders(customer_of(self.path))
            elif self.path.startswith("/orders/"):
                self.order(self.path.removeprefix("/orders/"))
            else:
                self.answer(404, {"error": "no such page"})
        except psycopg2.Error as error:
            self.answer(503, {"error": str(error).strip()})

    def health(self):
        if VERSION == "2-broken" and "PAYMENT_PROVIDER" not in os.environ:
            self.answer(503, {"error": "PAYMENT_PROVIDER is not set"})
            return
        query(SELECT + " LIMIT 1")
        self.answer(200, {"ok": True})

    def orders(self, customer):
        rows = query(SELECT + " WHERE customer = %s", (customer,), every=True)
        self.answer(200, [dict(zip(COLUMNS, map(str, row))) for row in rows])

    def do_PUT(self):
        order = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        self.alter(f"UPDATE orders SET {AMOUNT} = %s WHERE customer = %s RETURNING id", (order.get("amount"),))

    def do_DELETE(self):
        self.alter("DELETE FROM orders WHERE customer = %s RETURNING id", ())

    def alter(self, text, values):
        try:
            row = query(text, (*values, customer_of(self.path)))
            self.answer(200 if row else 404, {"id": row and row[0]})
        except psycopg2.Error as error:
            self.answer(503, {"error": str(error).strip()})

    def order(self, number):
        row = query(SELECT + " WHERE id = %s", (number,))
        if row is None:
            self.answer(404, {"error": "no such order"})
        else:
            self.answer(200, dict(zip(COLUMNS, map(str, row))))

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        try:
            if self.path != "/orders":
                self.answer(404, {"error": "no such page"})
                return
            row = query(
                f"INSERT INTO orders (customer, {AMOUNT}) VALUES (%s, %s) RETURNING id",
                (order["customer"], order["amount"]),
            )
            self.answer(201, {"id": row[0]})
        except KeyError as error:
            self.answer(400, {"error": "missing " + str(error)})
        except psycopg2.Error as error:
            self.answer(503, {"error": str(error).strip()})


class Server(ThreadingHTTPServer):
    # Customers come in crowds.
    request_queue_size = 128

    def process_request(self, request, client_address):
        READINESS.count(1)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        READINESS.count(-1)


signal.signal(signal.SIGTERM, READINESS.end)
print("shop " + VERSION + " listens on 8080", flush=True)
Server(("", 8080), Shop).serve_forever()
