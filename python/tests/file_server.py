"""A server on this machine that stands in for places on the net."""

import contextlib
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Stands in for the place where the data are: serves `data` and counts requests."""

    data, length, status, requests = b"", None, 200, 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        self.send_response(self.server.status)
        if self.server.length != "unknown":
            self.send_header("Content-Length", str(self.server.length or len(self.server.data)))
        self.end_headers()
        self.wfile.write(self.server.data)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(data=b""):
    server = Server(("127.0.0.1", 0), Handler)
    server.data = data
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
