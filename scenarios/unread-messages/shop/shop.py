"""What both halves share: the stores, orders over HTTP, and the loop of a worker. POST /orders takes an order and
announces it in a queue, GET /orders/ID reads it."""

import json
import os
import pathlib
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pika
import psycopg2

VERSION = int(os.environ["SHOP_VERSION"])
QUEUE = "orders"

# It waits until it is asked for. A handler would run in the main thread alone, which sleeps on when the system has
# told another thread of the signal.
STOP = {signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, STOP)


class Unreadable(Exception):
    """A message that this version cannot read."""


def channel():
    login = pika.PlainCredentials("app", "app")
    opened = pika.BlockingConnection(pika.ConnectionParameters("mq", credentials=login)).channel()
    # What is published has arrived when that returns.
    opened.confirm_delivery()
    return opened


def publish(opened, order, body):
    """The order's own name is the message's, however often it is announced."""
    properties = pika.BasicProperties(message_id=order, delivery_mode=2, content_type="application/json")
    opened.basic_publish("", QUEUE, json.dumps(body).encode(), properties)


def serve(declare, say):
    """Takes orders. `say` puts one into the words of a message."""

    class Orders(BaseHTTPRequestHandler):
        def do_GET(self):
            with psycopg2.connect("") as database, database.cursor() as cursor:
                cursor.execute("SELECT amount FROM orders WHERE id = %s", (self.path.removeprefix("/orders/"),))
                found = cursor.fetchone()
            database.close()
            self.answer(*(404, None) if found is None else (200, {"amount": str(found[0])}))

        def do_POST(self):
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            # Nobody is promised an order that was not announced.
            with psycopg2.connect("") as database, database.cursor() as cursor:
                cursor.execute("INSERT INTO orders VALUES (%s, %s)", (order["id"], order["amount"]))
                opened = channel()
                publish(opened, order["id"], say(order))
                opened.connection.close()
            database.close()
            self.answer(201, {"id": order["id"]})

        def answer(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    class Server(ThreadingHTTPServer):
        # Whoever is served when the shop is stopped is served to the end.
        daemon_threads = False

    declare(channel())
    server = Server(("", 8080), Orders)
    threading.Thread(target=server.serve_forever).start()
    signal.sigwait(STOP)
    server.shutdown()
    server.server_close()


def work(declare, read, ship, most=None):
    """Takes messages one by one until it is stopped, or has taken so many. One is acknowledged when its work is
    done, and rejected when it cannot be read."""
    opened = channel()
    declare(opened)
    opened.basic_qos(prefetch_count=1)
    database = psycopg2.connect("")
    pathlib.Path("/tmp/takes-orders").touch()
    taken = 0
    for method, properties, body in opened.consume(QUEUE, inactivity_timeout=0.1):
        if method is not None:
            try:
                ship(database, properties.message_id, *read(json.loads(body)))
                opened.basic_ack(method.delivery_tag)
            except Unreadable:
                opened.basic_reject(method.delivery_tag, requeue=False)
            taken += 1
        if STOP & signal.sigpending() or taken == most:
            break
    opened.cancel()
    opened.connection.close()
