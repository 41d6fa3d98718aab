"""The examples run as they stand."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_click_to_call_sends_a_signed_order_and_prints_the_answer() -> None:
    seen: list[tuple[str, str, bytes]] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["X-AKSK"], body))
            answer = b'{"resultcode":"0","resultdesc":"Success","sessionId":"s-1"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        serving = threading.Thread(target=server.handle_request)
        serving.start()
        arguments = [f"http://127.0.0.1:{server.server_port}", "key", "+8613800138001", "+8613800138002"]
        run = subprocess.run(
            [sys.executable, "examples/click_to_call.py", *arguments, "--display", "+8675528000001"],
            cwd=ROOT,
            env={**os.environ, "IVRCORE_APP_SECRET": "secret"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        serving.join()
    assert (run.returncode, json.loads(run.stdout)["sessionId"]) == (0, "s-1"), run.stderr
    path, header, body = seen[0]
    assert path == "/rest/httpsessions/click2Call/v2.0"
    assert json.loads(body)["callerNbr"] == "+8613800138001"
    fields = dict(part.strip().split("=", 1) for part in header.removeprefix("UsernameToken ").split(","))
    nonce, created = fields["Nonce"].strip('"'), fields["Created"].strip('"')
    digest = hmac.digest(b"secret", (nonce + created).encode(), hashlib.sha256)
    assert fields["PasswordDigest"].strip('"') == b64encode(digest).decode()


def test_click_to_call_says_in_one_line_that_nobody_serves() -> None:
    arguments = [
        "http://127.0.0.1:9",
        "key",
        "+8613800138001",
        "+8613800138002",
        "--display",
        "+8675528000001",
    ]
    run = subprocess.run(
        [sys.executable, "examples/click_to_call.py", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
