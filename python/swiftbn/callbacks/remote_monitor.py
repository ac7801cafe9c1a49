"""Logs of epochs sent to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings

import numpy as np

from swiftbn.callbacks.base import Callback


class RemoteMonitor(Callback):
    """Posts the epoch and its logs, as JSON, to a server after each epoch; one that is not reached makes a warning.

    Args:
        root: address of the server, http or https.
        path: what to post to, behind `root`.
        field: the field of the form that holds the JSON.
        headers: dict of more HTTP headers.
        send_as_json: sends the JSON itself instead of a form.

    Raises:
        ValueError: an address of another kind.
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        super().__init__()
        if not isinstance(root, str) or urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(f"RemoteMonitor: expected root to begin with http:// or https://. Received: root={root!r}")
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch, logs=None):
        data = json.dumps({"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}})
        if self.send_as_json:
            body, kind = data, "application/json"
        else:
            body, kind = urllib.parse.urlencode({self.field: data}), "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        try:
            request = urllib.request.Request(self.root + self.path, body.encode(), headers, method="POST")
            with urllib.request.urlopen(request) as response:
                response.read()
        except urllib.error.HTTPError as error:
            # The server is there; what it makes of the logs is its own affair.
            error.close()
        except OSError as error:
            warnings.warn(f"RemoteMonitor: {self.root} was not reached: {error}", stacklevel=2)


def _plain(value):
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
