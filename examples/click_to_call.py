"""Orders a callback by the HTTP API, with nothing but the standard library.

    python examples/click_to_call.py http://127.0.0.1:8080 APP_KEY +8613800138001 +8613800138002 \
        --display +8675528000001

The secret is read from IVRCORE_APP_SECRET. Prints the answer; the exit status is 0 when it was accepted.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime


def signed(app_key: str, secret: str) -> dict[str, str]:
    """The headers of one request: X-AKSK, a digest of a nonce and the time."""
    nonce = uuid.uuid4().hex
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = base64.b64encode(hmac.digest(secret.encode(), (nonce + created).encode(), hashlib.sha256))
    return {
        "Content-Type": "application/json;charset=UTF-8",
        "Authorization": 'AKSK realm="SDP",profile="UsernameToken",type="Appkey"',
        "X-AKSK": f'UsernameToken Username="{app_key}", PasswordDigest="{digest.decode()}", '
        f'Nonce="{nonce}", Created="{created}"',
    }


def main() -> int:
    """Order the call the command line describes."""
    parser = argparse.ArgumentParser(description="Order a callback: call A, then B, and bridge them.")
    parser.add_argument("base", help="where the API is")
    parser.add_argument("app_key", help="of an application for callbacks")
    parser.add_argument("caller", help="A, called first")
    parser.add_argument("callee", help="B")
    parser.add_argument("--display", required=True, help="the number both parties see")
    arguments = parser.parse_args()
    order = {
        "displayNbr": arguments.display,
        "callerNbr": arguments.caller,
        "displayCalleeNbr": arguments.display,
        "calleeNbr": arguments.callee,
    }
    request = urllib.request.Request(
        f"{arguments.base}/rest/httpsessions/click2Call/v2.0",
        json.dumps(order).encode(),
        signed(arguments.app_key, os.environ.get("IVRCORE_APP_SECRET", "")),
    )
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except OSError as error:
        sys.exit(f"{arguments.base}: {error}")
    print(body.decode())
    return 0 if json.loads(body).get("resultcode") == "0" else 1


if __name__ == "__main__":
    sys.exit(main())
