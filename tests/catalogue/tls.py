"""A certificate authority of the tests' own, and servers whose certificate is wrong in one way."""

import atexit
import contextlib
import ipaddress
import re
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ways.misbehaving import Behaviour, Server, serving

AUTHORITY = "catalogue authority"
HERE, ELSEWHERE = "127.0.0.1", "127.9.9.9"


class Kind(NamedTuple):
    """A certificate: for which address, valid for how many days from when on (days after today), by whom signed."""

    host: str = HERE
    start: int = -1
    days: int = 30
    by_itself: bool = False


KINDS = {
    "good": Kind(),
    "expired": Kind(start=-30, days=29),
    "not_yet": Kind(start=10),
    "elsewhere": Kind(host=ELSEWHERE),
    "self_signed": Kind(by_itself=True),
}


@cache
def authority() -> tuple[ec.EllipticCurvePrivateKey, Path]:
    """Its key, and the file of its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = _folder() / "authority.pem"
    file.write_bytes(_signed(AUTHORITY, key, key, Kind()).public_bytes(serialization.Encoding.PEM))
    return key, file


@cache
def certificate(name: str) -> Path:
    """A file with the key and the certificate of that kind."""
    kind, key = KINDS[name], ec.generate_private_key(ec.SECP256R1())
    signed = _signed(kind.host, key, key if kind.by_itself else authority()[0], kind)
    file = _folder() / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextlib.contextmanager
def serving_tls(name: str, behaviour: Behaviour) -> Iterator[Server]:
    """As `serving`, by https with that certificate; every connection is carried on to a plain server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(name))
    with serving(behaviour) as inner, socket.create_server((HERE, 0)) as listener:
        stop, plain = threading.Event(), int(inner.url.rpartition(":")[2].partition("/")[0])
        threads = [threading.Thread(target=_accept, args=(listener, context, plain, stop), daemon=True)]
        threads[0].start()
        outer = Server(f"https://{HERE}:{listener.getsockname()[1]}/v1", inner.requests, inner.sent, inner.closed)
        try:
            yield outer
        finally:
            stop.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            threads[0].join(timeout=5)


def _accept(listener: socket.socket, context: ssl.SSLContext, plain: int, stop: threading.Event) -> None:
    threads: list[threading.Thread] = []
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            break
        threads.append(threading.Thread(target=_carry, args=(connection, context, plain, stop), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join(timeout=5)


def _carry(connection: socket.socket, context: ssl.SSLContext, plain: int, stop: threading.Event) -> None:
    """One request to the plain server, and its answer back."""
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        with context.wrap_socket(connection, server_side=True) as secure, socket.create_connection((HERE, plain)) as on:
            on.settimeout(5)
            on.sendall(_request(secure))
            while not stop.is_set() and (data := on.recv(65536)):
                secure.sendall(data)


def _request(line: socket.socket) -> bytes:
    """One whole request with its body."""
    data = b""
    while more := line.recv(65536):
        data += more
        head, blank, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if blank and len(body) >= int(length[1] if length else 0):
            break
    return data


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="catalogue-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, kind: Kind
) -> x509.Certificate:
    is_authority = name == AUTHORITY
    begin = datetime.now(UTC) + timedelta(days=kind.start)
    issuer = AUTHORITY if is_authority or not kind.by_itself else name
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=kind.days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(_usage(is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not is_authority:
        address = x509.IPAddress(ipaddress.ip_address(name))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
