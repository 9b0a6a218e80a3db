"""Hooks of the contract test: each call carries a token that is good at that moment.

The calls end sessions, edit roles, disable users: also those with which they are made. Whoever is left of the
administrators logs in again; the last one cannot be taken away.
"""

import json
import os
import urllib.error
import urllib.request

import schemathesis

BASE = os.environ["CONTRACT_BASE"]
EMAILS = os.environ["CONTRACT_EMAILS"].split()
PASSWORD = os.environ["CONTRACT_PASSWORD"]

current = None


# schemathesis takes a JWT for JSON.
@schemathesis.deserializer("application/json")
def body(context, response):
    if response.headers["content-type"] == ["application/jwt"]:
        return response.text
    return response.json()


def good(token):
    if token is None:
        return False
    request = urllib.request.Request(
        f"{BASE}/admin/users?limit=1", headers={"authorization": f"Bearer {token}"}
    )
    try:
        return urllib.request.urlopen(request).status == 200
    except urllib.error.HTTPError:
        return False


def login(email):
    request = urllib.request.Request(
        f"{BASE}/auth/login",
        data=json.dumps({"email": email, "password": PASSWORD}).encode(),
        headers={"content-type": "application/json"},
    )
    try:
        return json.load(urllib.request.urlopen(request))["access_token"]
    except urllib.error.HTTPError:
        return None


@schemathesis.hook
def before_call(context, case, kwargs):
    global current
    if not good(current):
        current = next(filter(good, map(login, EMAILS)), None)
        assert current is not None, "no administrator is left"
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {current}"}
