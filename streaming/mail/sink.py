"""SMTP: one connection for what is due, and what its refusals mean. The password is in no message and no log."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Final

from lakehouse.errors import TidemarkError
from lakehouse.settings import AlertSettings

TIMEOUT_S: Final = 20.0
FOR_GOOD: Final = range(500, 600)
FOR_NOW: Final = range(400, 500)
LEAVING: Final = 421
"""The one answer of those for now that is about the connection (RFC 5321, 3.8), not about a mail."""


class ServerAway(TidemarkError):
    """The server does not answer, does not let us in, or leaves."""


class ComeAgain(TidemarkError):
    """The server does not take this mail for this address now, as where the mailbox is full; it may take others."""


class RefusedForGood(TidemarkError):
    """The server will never take this mail for this address."""


class Session:
    """An open connection."""

    def __init__(self, server: smtplib.SMTP) -> None:
        self._server = server

    def send(self, mail: EmailMessage) -> None:
        """Hand the mail over. Raises RefusedForGood, and ComeAgain and ServerAway where it may be tried again."""
        try:
            self._server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _refusal(code, text) from error
        except smtplib.SMTPSenderRefused as error:  # ours to mend: no fault of who it goes to
            raise ServerAway(f"the server refuses the sender with {error.smtp_code}") from error
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedForGood("the server does not take such an address") from error
        except (smtplib.SMTPException, OSError) as error:
            raise ServerAway(f"the SMTP server left: {type(error).__name__}") from error


@contextmanager
def session(section: AlertSettings) -> Iterator[Session]:
    """A connection as the settings say, logged in. Raises ServerAway."""
    try:
        server = _connected(section)
    except smtplib.SMTPResponseException as error:
        raise ServerAway(f"{section.smtp_host}:{section.smtp_port} answers {error.smtp_code}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise ServerAway(f"{section.smtp_host}:{section.smtp_port}: {type(error).__name__}") from error
    try:
        yield Session(server)
    finally:
        server.close()


def _connected(section: AlertSettings) -> smtplib.SMTP:
    address, trust = (section.smtp_host, section.smtp_port), ssl.create_default_context()
    if section.smtp_tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(*address, timeout=TIMEOUT_S, context=trust)
    else:
        server = smtplib.SMTP(*address, timeout=TIMEOUT_S)
    try:
        if section.smtp_tls == "starttls":
            server.starttls(context=trust)
        if section.smtp_user:
            server.login(section.smtp_user, section.smtp_password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _refusal(code: int, text: bytes | str) -> TidemarkError:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return _kind(code)(f"{code} {said}"[:300])


def _kind(code: int) -> type[TidemarkError]:
    if code in FOR_GOOD:
        return RefusedForGood
    return ComeAgain if code in FOR_NOW and code != LEAVING else ServerAway
