"""An EST server (RFC 7030) for the tests: Debian has none. HTTP and TLS are Python's, everything about certificates is OpenSSL's.

    with EstServer(directory, basic=("ra", "secret")) as server:
        … server.url, server.ca, server.requests
"""

import base64
import http.server
import ssl
import subprocess
import threading
from pathlib import Path


def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60, **more).stdout


def make_ca(directory, name):
    """(key file, certificate file) of a new authority."""
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate, "-subj",
            f"/CN={name}", "-days", "5", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")
    return key, certificate


def sign(ca, directory, name, subject, extensions=""):
    """(key file, certificate file) of somebody whose certificate that authority signed."""
    key, request, certificate = (directory / f"{name}.{end}" for end in ("key", "csr", "pem"))
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj", subject)
    more = directory / f"{name}.ext"
    more.write_text(extensions, encoding="utf-8")
    openssl("x509", "-req", "-in", request, "-CA", ca[1], "-CAkey", ca[0], "-CAcreateserial", "-days", "5", "-out", certificate, "-extfile", more)
    return key, certificate


class EstServer:
    def __init__(self, directory, basic=None, client_ca=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.basic, self.client_ca = basic, client_ca
        self.ca = make_ca(self.directory, "est-ca")
        self.tls = sign(self.ca, self.directory, "est-tls", "/CN=127.0.0.1", "subjectAltName=IP:127.0.0.1\n")
        self.requests = []      # (method, path, content type, transfer encoding)
        self.scripted = []      # answers to give instead, one each: (status, headers, body)
        self.issued_by = self.ca
        self._server = None

    def __enter__(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.serve(b"")

            def do_POST(self):
                self.serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def serve(self, body):
                owner.requests.append((self.command, self.path, self.headers.get("Content-Type"), self.headers.get("Content-Transfer-Encoding")))
                wanted = None if owner.basic is None else "Basic " + base64.b64encode(":".join(owner.basic).encode()).decode()
                if wanted is not None and self.headers.get("Authorization") != wanted:
                    self.answer(401, {"WWW-Authenticate": 'Basic realm="est"', "Content-Type": "text/plain"}, b"who is there?\r\n")
                elif self.path.endswith("/cacerts"):
                    self.certificates([owner.ca[1]])
                elif owner.scripted:
                    self.answer(*owner.scripted.pop(0))
                elif self.path in ("/.well-known/est/simpleenroll", "/.well-known/est/simplereenroll"):
                    self.certificates([owner.enroll(body)])
                else:
                    self.answer(404, {}, b"")

            def certificates(self, files):
                self.answer(200, {"Content-Type": "application/pkcs7-mime; smime-type=certs-only", "Content-Transfer-Encoding": "base64"},
                            owner.certs_only(files))

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls[1], self.tls[0])
        if self.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_ca)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self):
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def enroll(self, body):
        """The certificate file for a request in base64."""
        number = len(self.requests)
        request, certificate = self.directory / f"{number}.der", self.directory / f"{number}.pem"
        request.write_bytes(base64.b64decode(body, validate=False))
        openssl("x509", "-req", "-inform", "DER", "-in", request, "-CA", self.issued_by[1], "-CAkey", self.issued_by[0], "-CAcreateserial",
                "-days", "5", "-copy_extensions", "copy", "-out", certificate)
        return certificate

    @staticmethod
    def certs_only(files):
        """PKCS#7 with certificates alone, base64 in lines."""
        words = [part for file in files for part in ("-certfile", file)]
        der = openssl("crl2pkcs7", "-nocrl", *words, "-outform", "DER")
        return base64.encodebytes(der)
