"""What lies beyond the machine: the lines' sockets, the broker's name, port, certificate and welcome."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from edge.clock import Clock
from edge.doctor.findings import Finding, bad, good, warn
from edge.settings import BrokerSettings, Settings

ANSWER_S: Final = 5.0
EXPIRY_DAYS: Final = 30
Hello = Callable[[Settings], str]
"""Connects to the broker as the agent does; what was refused, or nothing."""


def lines(settings: Settings) -> Iterator[Finding]:
    """Whether something listens behind each host:port. A connection is made and closed, no byte is sent."""
    for line in settings.lines:
        if not line.is_network:
            continue
        about, (host, port) = f"line {line.name}", line.host_port
        if failure := _refused(host, port):
            yield bad(
                about,
                f"{line.endpoint} cannot be reached: {failure}",
                "check the box's power, cable and address",
            )
        else:
            yield good(about, f"{line.endpoint} takes connections")


def broker(settings: Settings, clock: Clock, hello: Hello) -> Iterator[Finding]:
    """Name, port, certificate, welcome: the first that fails ends it, for the rest cannot be told."""
    wanted = settings.broker
    about = f"broker {wanted.host}:{wanted.port}"
    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo(wanted.host, wanted.port)}
    except OSError as error:
        yield bad(about, f"its name leads nowhere ({error})", "correct broker.host, or mend the name server")
        return
    if failure := _refused(wanted.host, wanted.port):
        yield bad(
            about, f"cannot be reached: {failure}", "check the SIM card, the route and the broker's firewall"
        )
        return
    yield good(about, f"is {', '.join(sorted(map(str, addresses)))} and takes connections")
    proved = [_certificate(wanted, about, clock)] if wanted.tls else []
    yield from proved
    if not wanted.tls and not _is_loopback(wanted.host):
        yield warn(about, "is spoken to in the clear", "give [broker] tls with the broker's CA")
    if any(each.todo.startswith("the broker") for each in proved):
        return
    if refused := hello(settings):
        yield bad(
            about, f"does not let {settings.username!r} in: {refused}", "check user, password and ACL there"
        )
    else:
        yield good(about, f"lets {settings.username!r} in")


def _certificate(wanted: BrokerSettings, about: str, clock: Clock) -> Finding:
    assert wanted.tls is not None
    try:
        context = ssl.create_default_context(cafile=str(wanted.tls.ca_file))
        if wanted.tls.cert_file and wanted.tls.key_file:
            context.load_cert_chain(wanted.tls.cert_file, wanted.tls.key_file)
    except (OSError, ssl.SSLError) as error:
        return bad(about, f"the TLS files cannot be used ({error})", "give PEM files that belong together")
    try:
        with socket.create_connection((wanted.host, wanted.port), ANSWER_S) as plain:
            plain.settimeout(ANSWER_S)
            with context.wrap_socket(plain, server_hostname=wanted.host) as secure:
                told = secure.getpeercert() or {}
    except (OSError, ssl.SSLError) as error:
        return bad(
            about, f"its certificate is not accepted ({error})", "the broker's CA, name or clock is wrong"
        )
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
    days = (ends - clock.now()).days
    seen = f"its certificate is good for {days} days (to {ends:%Y-%m-%d})"
    return warn(about, seen, "have it renewed") if days < EXPIRY_DAYS else good(about, seen)


def _refused(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
