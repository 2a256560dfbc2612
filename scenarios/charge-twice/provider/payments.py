"""The sandbox of a payment provider: POST /charges and POST /refunds, each with an order.

What comes with an Idempotency-Key that was there before is not done again: it gets the answer of the first time.
Only what was charged, and not refunded since, can be refunded.
"""

import json
import signal
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer

charged = Counter()
answers = {}


def charge(order):
    charged[order] += 1
    return 201, {"charged": order}


def refund(order):
    if charged[order] == 0:
        return 404, {"error": "nothing to refund"}
    charged[order] -= 1
    return 201, {"refunded": order}


class Sandbox(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["order"]
        do = {"/charges": charge, "/refunds": refund}[self.path]
        key = self.headers.get("Idempotency-Key")
        status, told = answers.get(key) or do(order)
        if key and status == 201:
            answers[key] = (status, told)
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
HTTPServer(("", 8080), Sandbox).serve_forever()
