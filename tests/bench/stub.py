"""What stands in for AWS and answers at once: what is left of a call's time is the caller's own.

    with stub() as url: …         # plain, as an emulator
    with stub(folder) as url: …   # with TLS, as AWS

The certificate, and the bundle of authorities that trusts it, go into the folder.
"""

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from botocore.httpsession import where
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scripts.environment import LOOPBACK

BUNDLE = "bundle.pem"
_SNS = "http://sns.amazonaws.com/doc/2010-03-31/"
_ANSWERS = {
    b"Action=Subscribe": f"<SubscribeResponse xmlns='{_SNS}'><SubscribeResult>"
    "<SubscriptionArn>pending confirmation</SubscriptionArn></SubscribeResult></SubscribeResponse>",
    b"Action=Publish": f"<PublishResponse xmlns='{_SNS}'><PublishResult>"
    "<MessageId>1</MessageId></PublishResult></PublishResponse>",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for an answer
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        answer = next((text for mark, text in _ANSWERS.items() if mark in asked), "{}").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Says nothing."""


@contextmanager
def stub(certificates: Path | None = None) -> Iterator[str]:
    """A server that answers every call that the triggers make.

    certificates: a folder for BUNDLE, the authorities that botocore trusts and this server's own; with it the
        server speaks TLS.
    """
    server = ThreadingHTTPServer((LOOPBACK, 0), _Handler)
    server.daemon_threads = True
    if certificates:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(certificates))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if certificates else 'http'}://{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(folder: Path) -> Path:
    """Makes a certificate with its key, and the bundle of those who are trusted with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stub")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = folder / "stub.pem"
    chain.write_bytes(certificate + plain)
    (folder / BUNDLE).write_bytes(Path(where()).read_bytes() + b"\n" + certificate)
    return chain
