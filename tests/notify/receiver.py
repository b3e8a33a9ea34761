"""A receiver of webhooks that trusts nothing: each request is verified with the package `standardwebhooks`.

    receiver.py SECRET... [--fail N] [--hold N]

It listens on a free port of loopback and says where; the first N requests it takes are verified and answered with 500, and
request N of --hold is taken and never answered.
Each request is one line of JSON on the standard output: id, type, whether each SECRET verifies it, the answer, the body.
"""

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

parser = argparse.ArgumentParser()
parser.add_argument("secret", nargs="+")
parser.add_argument("--fail", type=int, default=0)
parser.add_argument("--hold", type=int, default=0)
args = parser.parse_args()
webhooks = [Webhook(secret) for secret in args.secret]
lock = threading.Lock()
left = args.fail
count = 0


def verifies(webhook, body, headers):
    try:
        webhook.verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        global left, count
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        verified = [verifies(webhook, body, headers) for webhook in webhooks]
        with lock:
            count += 1
            held = count == args.hold
            failing = left > 0
            left -= 1 if failing else 0
            status = 400 if not any(verified) else 500 if failing else 204
            line = {
                "id": headers.get("webhook-id"),
                "verified": verified,
                "status": None if held else status,
                "body": json.loads(body),
            }
            print(json.dumps(line), flush=True)
        while held:
            time.sleep(60)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"receiver: http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
