"""An SMTP server for tests (RFC 5321, AUTH PLAIN of RFC 4954): it keeps what it takes, and refuses what it is told."""

import base64
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread

from tests.factories.real_engines import record


@dataclass(slots=True)
class Mailbox:
    """What the server took, who logged in, and what it answers to those whom it refuses."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    is_busy: bool = False


class _Handler(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        box = self.server.mailbox
        self._say("421 busy" if box.is_busy else "220 a test's server")
        to = ""
        while not box.is_busy and (line := self.rfile.readline()):
            words = line.decode().strip()
            verb = words[:4].upper()
            if verb == "EHLO":
                self._say("250-a test's server\r\n250 AUTH PLAIN")
            elif verb == "AUTH":
                _, name, password = base64.b64decode(words.split()[2]).decode().split("\0")
                box.logins.append((name, password))
                self._say("235 welcome")
            elif verb == "RCPT":
                to = words.partition("<")[2].partition(">")[0]
                self._say(box.refusals.get(to, "250 fine"))
            elif verb == "DATA":
                self._take(box, to)
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _take(self, box: Mailbox, to: str) -> None:
        self._say("354 go on")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        box.mails.append(message_from_bytes(b"".join(lines), _class=EmailMessage, policy=policy.default))
        box.recipients.append(to)
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mailbox = mailbox


@contextmanager
def smtp_server() -> Iterator[Mailbox]:
    """A server on a free port."""
    mailbox = Mailbox()
    with _Server(mailbox) as server:
        mailbox.port = server.server_address[1]
        record("smtp", f"a protocol server on 127.0.0.1:{mailbox.port}")
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield mailbox
        server.shutdown()
        thread.join()
