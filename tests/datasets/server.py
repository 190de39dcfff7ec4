"""An HTTP server on 127.0.0.1 that serves bytes in the ways that servers go wrong."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """``server.url(how, content)`` is an address that serves the content in that way."""

    def __init__(self):
        self.asked = []  # what has been asked for, in order
        self.release = threading.Event()  # lets the slow answers go on
        self.two_asked = threading.Barrier(2)
        self._contents = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.release.set()
        self.two_asked.abort()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def url(self, how, content=b"", name=""):
        self._contents[f"/{how}/{name}"] = content
        return f"http://127.0.0.1:{self._http.server_port}/{how}/{name}"

    def _handler(server):  # ``self`` is the handler below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                how = self.path.split("/")[1]
                server.asked.append(how)
                content = server._contents[self.path]
                with_body = getattr(self, how, None)
                if with_body is None:
                    self.send_error(int(how))
                else:
                    with_body(content)

            def start(self, length, kind="application/octet-stream"):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()

            def good(self, content):
                self.start(len(content))
                self.wfile.write(content)

            def no_length(self, content):
                self.start(None)
                self.wfile.write(content)

            def html(self, content):
                page = b"<html>Please log in</html>"
                self.start(len(page), "text/html; charset=utf-8")
                self.wfile.write(page)

            def html_no_length(self, content):
                self.start(None, "text/html")
                self.wfile.write(b"<html>Please log in</html>")

            def truncated(self, content):
                self.start(len(content))
                self.wfile.write(content[: len(content) // 2])

            def truncated_no_length(self, content):
                self.start(None)
                self.wfile.write(content[: len(content) // 2])

            def too_long(self, content):
                self.start(None)
                self.wfile.write(content + b"!")

            def endless(self, content):
                self.start(None)
                while not server.release.is_set():
                    try:
                        self.wfile.write(content)
                    except OSError:
                        return

            def wrong_length(self, content):
                self.start(len(content) + 1)
                self.wfile.write(content)

            def absurd_length(self, content):
                self.start("nonsense")
                self.wfile.write(content)

            def wrong_bytes(self, content):
                self.start(len(content))
                self.wfile.write(content[::-1])

            def circle(self, content):
                self.send_response(302)
                self.send_header("Location", "/circle/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def redirect(self, content):
                server.url("good", content)
                self.send_response(302)
                self.send_header("Location", "/good/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def redirect_to_file(self, content):
                self.send_response(302)
                self.send_header("Location", "file:///etc/hostname")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def stalls_at_once(self, content):
                server.release.wait(30)

            def stalls_halfway(self, content):
                self.start(len(content))
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                server.release.wait(30)

            def drips(self, content):
                """A byte now and then, for ever, so that no single read takes too long."""
                self.start(len(content))
                while not server.release.wait(0.02):
                    try:
                        self.wfile.write(b"x")
                    except OSError:
                        return

            def not_http(self, content):
                self.wfile.write(b"220 mail.example ESMTP\r\n")

            def for_two(self, content):
                server.two_asked.wait(30)  # both have asked before either is answered
                self.good(content)

            def log_message(self, *args):
                pass

        return Handler
