"""A mail server for tests: takes messages on a free port of loopback, refuses some, and tells each as a line of JSON.

    mailbox.py [--fail N]

The first N messages are refused for now (451); one to `nobody@…` is refused for good (550).
"""

import argparse
import asyncio
import email
import email.policy
import json

from aiosmtpd.smtp import SMTP

parser = argparse.ArgumentParser()
parser.add_argument("--fail", type=int, default=0)
left = parser.parse_args().fail


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        global left
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        failing = left > 0
        left -= 1 if failing else 0
        line = {
            "to": envelope.rcpt_tos,
            "id": message["message-id"],
            "from": message["from"],
            "subject": message["subject"],
            "text": message.get_content(),
            "taken": not failing,
        }
        print(json.dumps(line), flush=True)
        return "451 try again later" if failing else "250 taken"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), loop=loop), "127.0.0.1", 0)
    print(f"mailbox: {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
