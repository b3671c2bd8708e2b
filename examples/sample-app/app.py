"""A guest book in one file: it shows what its database holds.

It needs Python and `psql`, nothing else, so that it runs wherever PostgreSQL's client is installed.
"""

import http.server
import os
import subprocess

VERSION = "1"


def query(sql):
    """The rows that PostgreSQL answers, one string each; an error of the database is an exception."""
    psql = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]
    answer = subprocess.run(
        [*psql, "--set=ON_ERROR_STOP=1", "--command", sql, os.environ["DATABASE_URL"]],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=True,
    )
    return answer.stdout.splitlines()


def page():
    """What `/` shows; each look at it is counted."""
    (visits,) = query("UPDATE visits SET number = number + 1 RETURNING number")
    guests = query("SELECT name || ': ' || message FROM guests ORDER BY id")
    return [f"Guest book, version {VERSION}", f"Looked at {visits} times", *guests]


class Handler(http.server.BaseHTTPRequestHandler):
    """`/` is the guest book, `/health` says whether the database answers."""

    def do_GET(self):
        try:
            if self.path == "/health":
                query("SELECT 1")
                self.answer(200, ["ok"])
            elif self.path == "/":
                self.answer(200, page())
            else:
                self.answer(404, ["there is no such page"])
        except (KeyError, OSError, ValueError, subprocess.SubprocessError) as error:
            self.log_error("%s %s", error, getattr(error, "stderr", None) or "")
            self.answer(500, ["the database does not answer as it should"])

    def answer(self, status, lines):
        body = "".join(f"{line}\n" for line in lines).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "5000"))
    http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
