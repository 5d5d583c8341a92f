"""A TLS server that does what a test says, and certificates to go with it."""

import datetime
import ipaddress
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def wine_can_check(certificate):
    """Wine 8 calls an ECDSA signature wrong when r or s is shorter than the curve's order, as one in 128 is. Windows does not."""
    return all(number.bit_length() > 31 * 8 for number in utils.decode_dss_signature(certificate.signature))


class Authority:
    """A certificate authority in a directory of its own."""

    def __init__(self, directory, name="Test authority"):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key(), [(x509.BasicConstraints(True, None), True)], 0)
        self.file = directory / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, key, extensions, age_days):
        now = datetime.datetime.now(datetime.timezone.utc)
        begin = now - datetime.timedelta(days=1 + age_days)
        builder = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number(), begin,
                                          begin + datetime.timedelta(days=30))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        while not wine_can_check(certificate := builder.sign(self.key, hashes.SHA256())):
            pass
        return certificate

    def leaf(self, file_name, dns=(), addresses=(), age_days=0, usage=ExtendedKeyUsageOID.SERVER_AUTH):
        """A file with a certificate for a server, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name) for name in dns] + [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file_name)]), key.public_key(),
                                 [(x509.SubjectAlternativeName(names), False), (x509.ExtendedKeyUsage([usage]), False)], age_days)
        path = self.directory / f"{file_name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return path


class TlsServer:
    """Serves on a free port of 127.0.0.1; `script(peer, number)` talks to each connection. Records every request."""

    def __init__(self, certificate, script, highest=ssl.TLSVersion.TLSv1_3):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.maximum_version = highest
        self._context.load_cert_chain(certificate)
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests = []
        self.connections = 0
        self._threads = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(20)
        for thread in self._threads:
            thread.join(20)

    def _accept(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain):
        plain.settimeout(15)
        try:
            with self._context.wrap_socket(plain, server_side=True) as connection:
                self.connections += 1
                self._script(Peer(self, connection), self.connections)
        except OSError:
            pass


class Peer:
    def __init__(self, server, connection):
        self._server, self.connection = server, connection

    def read_request(self):
        """Head and body as text; empty when the client has gone."""
        octets = b""
        while b"\r\n\r\n" not in octets:
            more = self._receive()
            if not more:
                return ""
            octets += more
        head, body = octets.split(b"\r\n\r\n", 1)
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            more = self._receive()
            if not more:
                break  # what there is of it is recorded
            body += more
        request = (head + b"\r\n\r\n" + body).decode()
        self._server.requests.append(request)
        return request

    def _receive(self):
        try:
            return self.connection.recv(65536)
        except OSError:
            return b""

    def read_introduction(self):
        """What WinHTTP connections begin with: a request that says nothing."""
        request = self.read_request()
        if not request:
            return  # it has left before a word
        assert request.startswith("GET / HTTP/1.1\r\n"), request
        self.connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")

    def reply(self, body="ok", status="200 OK", more=""):
        self.connection.sendall(f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode())
