"""TLS in front of a server that speaks none, with an authority made for it."""

import pathlib
import select
import socket
import ssl
import subprocess
import tempfile
import threading


class TlsProxy:
    """Listens on a free port of 127.0.0.1 and passes on what comes to host:port. `authority` is the file to trust."""

    def __init__(self, target):
        host, port = target.split(":")
        self.target = host, int(port)
        self.place = tempfile.TemporaryDirectory(prefix="kubecoderun-test-tls-")
        # Everybody may read what to trust: the server under test is another user.
        pathlib.Path(self.place.name).chmod(0o755)
        self.authority = self._openssl("ca", "req", "-x509", "-subj", "/CN=An authority for tests", "-addext", "basicConstraints=critical,CA:TRUE")
        ca = ["-CA", self.authority, "-CAkey", f"{self.place.name}/ca.key"]
        certificate = self._openssl("server", "req", "-x509", *ca, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, f"{self.place.name}/server.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _openssl(self, name, *arguments):
        path = f"{self.place.name}/{name}.pem"
        command = ["openssl", *arguments, "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", f"{self.place.name}/{name}.key", "-out", path]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return path

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    # One thread for both directions: a TLS connection is not for two at a time. Requests and answers take turns, so that waiting for
    # one side to take something does not keep the other waiting.
    def _serve(self, client):
        try:
            with self.context.wrap_socket(client, server_side=True) as near, socket.create_connection(self.target) as far:
                while True:
                    readable = [near] if near.pending() else select.select([near, far], [], [])[0]
                    for source in readable:
                        piece = source.recv(65536)
                        if not piece:
                            return
                        (far if source is near else near).sendall(piece)
        except OSError:  # a client that does not trust us, or went away
            client.close()

    def close(self):
        self.listener.close()
        self.place.cleanup()
