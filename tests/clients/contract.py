"""schemathesis over /openapi.json: no 500, no undocumented status, answers as described.

Arguments: base URL of a server without rate limits (127.0.0.1 only), password and emails of administrators.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

base, password, *emails = sys.argv[1:]
assert base.startswith("http://127.0.0.1:"), base

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
]
here = Path(__file__).resolve().parent
command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{base}/openapi.json", "--url", base]
command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", "20"]
command += ["--workers", "1", "--seed", "7", "--generation-database", "none", "--suppress-health-check", "all"]
command += ["--no-color"]
environment = {
    **os.environ,
    "PYTHONPATH": str(here),
    "PYTHONDONTWRITEBYTECODE": "1",
    "SCHEMATHESIS_HOOKS": "contract_hooks",
    "CONTRACT_BASE": base,
    "CONTRACT_EMAILS": " ".join(emails),
    "CONTRACT_PASSWORD": password,
}
with tempfile.TemporaryDirectory() as folder:
    run = subprocess.run(command, cwd=folder, env=environment, timeout=600, text=True, capture_output=True)
print(run.stdout, run.stderr)
assert run.returncode == 0, run.returncode
# Green for the right reason: the calls were let in, and there were enough of them.
# A login and a refresh with made-up credentials can only be refused.
listed = re.search(r"40[13] \w+ \(\d+ operations?\):\n((?:\s+- .*\n)+)", run.stdout)
refused = set(re.findall(r"- (.*)", listed.group(1))) if listed else set()
refused -= {"POST /auth/login", "POST /auth/refresh"}
assert not refused, f"only ever refused: {refused}"
assert int(re.search(r"(\d+) generated", run.stdout).group(1)) > 500
