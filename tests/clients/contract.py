"""schemathesis over /openapi.json: no 500, no undocumented status, answers as described.

Arguments: base URL of a server without rate limits (127.0.0.1 only), email and password of an administrator.
Each run logs in afresh.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request

base, email, password = sys.argv[1:]
assert base.startswith("http://127.0.0.1:"), base


def token() -> str:
    request = urllib.request.Request(
        f"{base}/auth/login",
        data=json.dumps({"email": email, "password": password}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["access_token"]


# Operations that end the session with which the others are called: each by itself, with a session of its own.
ENDING = ["/me/password", "/auth/logout", "/auth/logout-all"]


def run(*selection: str) -> None:
    program = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            program,
            "run",
            f"{base}/openapi.json",
            "--url",
            base,
            "--header",
            f"Authorization: Bearer {token()}",
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,"
            "response_schema_conformance,response_headers_conformance",
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "20",
            "--workers",
            "1",
            "--seed",
            "7",
            "--generation-database",
            "none",
            "--suppress-health-check",
            "all",
            "--no-color",
            *selection,
        ]
        subprocess.run(command, check=True, cwd=folder, timeout=600)


run(*(part for path in ENDING for part in ("--exclude-path", path)))
for ending in ENDING:
    run("--include-path", ending)
