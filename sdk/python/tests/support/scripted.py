"""Servers that do what a test tells them, and proxies, with TLS or without."""

import contextlib
import datetime
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: What a server does with a connection, of this number.
Handler = Callable[["Peer", int], None]


class Peer:
    """A server's end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._left = b""

    def request(self) -> bytes:
        """The next request, whole; nothing where the client has hung up."""
        data = self._left
        while b"\r\n\r\n" not in data:
            part = self.connection.recv(65536)
            if not part:
                return b""
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        found = re.search(rb"\r\ncontent-length: (\d+)", head)
        length = int(found[1]) if found else 0
        while len(body) < length:
            body += self.connection.recv(65536)
        self._left = body[length:]
        return head + b"\r\n\r\n" + body[:length]

    def answer(self, content: bytes, status: str = "200 OK") -> None:
        """Answers."""
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(content)}\r\n\r\n"
        self.connection.sendall(head.encode() + content)


class Scripted:
    """Listens, and has each connection handled in a thread of its own."""

    def __init__(self, handle: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handle = handle
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.count += 1
                work = (connection, self.count)
                threading.Thread(target=self._serve, args=work, daemon=True).start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            connection = stack.enter_context(plain)
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(plain, server_side=True))
            self._handle(Peer(connection), number)

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def proxy(seen: list[bytes]) -> Handler:
    """A proxy's work; ``seen`` takes the heads of what it is asked."""

    def handle(peer: Peer, _: int) -> None:
        request = peer.request()
        head = request.partition(b"\r\n\r\n")[0]
        seen.append(head)
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
        else:
            host, port = re.match(r"http://([^:/]+):(\d+)/", target).groups()
        with socket.create_connection((host, int(port))) as server:
            if method == "CONNECT":
                peer.connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                server.sendall(request)
            back = threading.Thread(target=_pass, args=(server, peer.connection), daemon=True)
            back.start()
            _pass(peer.connection, server)
            back.join()

    return handle


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for this machine, and the file that it is trusted by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "aim.example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "trusted.pem", folder / "private.pem"
    trusted.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted, private)
    return context, trusted
