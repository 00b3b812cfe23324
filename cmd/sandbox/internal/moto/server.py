"""Runs moto for the sandbox.

Arguments: the number of an inherited listening socket. Beyond plain moto it keeps
connections open, forgets one account on request (POST /sandbox/reset/ACCOUNT) and
ends when its standard input does, so that it never outlives the sandbox.
"""

import os
import sys
import threading

from moto.core.base_backend import BackendDict, backend_lock
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

RESET = "/sandbox/reset/"


class Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


def reset(account):
    with backend_lock:
        for backend in list(BackendDict._instances):
            if account in list(backend.keys()):
                backend[account].reset()


def application(moto):
    def serve(environ, start_response):
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] == "POST" and path.startswith(RESET):
            reset(path[len(RESET):])
            start_response("200 OK", [("Content-Length", "0")])
            return []
        return moto(environ, start_response)

    return serve


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


def main():
    threading.Thread(target=end_with_parent, daemon=True).start()
    app = application(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler, fd=int(sys.argv[1]))
    server.serve_forever()


main()
