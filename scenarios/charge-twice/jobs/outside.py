"""What the jobs call outside: the payment provider, and customers by mail."""

import json
import smtplib
from email.message import EmailMessage
from http.client import HTTPConnection


def payments(path, order, key=None):
    """Asks the provider for something about an order; the status of its answer."""
    connection = HTTPConnection("payments", 8080, timeout=10)
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    connection.request("POST", path, json.dumps({"order": order}), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def mail(customer, subject):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@shop.example", customer, subject
    message.set_content(f"{subject}.\n\nYour shop")
    with smtplib.SMTP("mail", timeout=10) as server:
        server.send_message(message)
