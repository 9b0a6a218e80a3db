"""openapi-spec-validator over /openapi.json. Arguments: base URL."""

import json
import sys
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator, validate

base = sys.argv[1]
with urllib.request.urlopen(f"{base}/openapi.json") as answer:
    document = json.load(answer)
assert document["openapi"].startswith("3.1"), document["openapi"]
validate(document, cls=OpenAPIV31SpecValidator)
