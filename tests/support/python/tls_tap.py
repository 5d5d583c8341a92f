"""A proxy that ends TLS, as an inspecting one does, and keeps all that it sees in the clear.

    tap = TlsTap(directory, upstream_port).start()
    … a client talks to https://127.0.0.1:{tap.port} and trusts tap.certificate …
    tap.streams()   # one bytes object for each direction of each connection
"""

import socket
import ssl
import threading

from tls_server import Authority


class TlsTap:
    def __init__(self, directory, upstream_port):
        self._upstream_port = upstream_port
        authority = Authority(directory / "tap", "Inspecting proxy")
        self.certificate = authority.file
        self._leaf = authority.leaf("tap", addresses=["127.0.0.1"])
        self._lock = threading.Lock()
        self._streams = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def start(self):
        self._server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server_side.load_cert_chain(self._leaf)
        self._client_side = ssl.create_default_context()
        self._client_side.check_hostname = False
        self._client_side.verify_mode = ssl.CERT_NONE
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self):
        self._listener.close()

    def streams(self):
        with self._lock:
            return [bytes(stream) for stream in self._streams]

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            client = self._server_side.wrap_socket(connection, server_side=True)
            server = self._client_side.wrap_socket(socket.create_connection(("127.0.0.1", self._upstream_port)))
        except OSError:
            connection.close()
            return
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        for end in (client, server):
            end.close()

    def _pump(self, source, target):
        with self._lock:
            kept = bytearray()
            self._streams.append(kept)
        try:
            while octets := source.recv(65536):
                with self._lock:
                    kept += octets
                target.sendall(octets)
        except OSError:
            pass
        # Half-closing is not TLS's way: the other pump ends with the connection.
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
