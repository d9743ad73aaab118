"""A mail server for a test: prints the port, then a line of JSON for each letter that it takes.

    sink.py tls CERT KEY    STARTTLS is there, and needed
    sink.py plain           there is no TLS
"""

import asyncio
import email
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Sink:
    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content)
        print(json.dumps({
            "id": letter["Message-ID"], "subject": letter["Subject"], "to": envelope.rcpt_tos,
            "tls": session.ssl is not None, "text": letter.get_payload(decode=True).decode(),
        }), flush=True)
        return "250 taken"


async def main():
    context = None
    if sys.argv[1] == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[2], sys.argv[3])

    def protocol():
        return SMTP(Sink(), hostname="localhost", tls_context=context,
                    require_starttls=context is not None)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
