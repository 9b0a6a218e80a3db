"""PyJWT verifies an access token through the JWKS. Arguments: base URL, token, algorithm, subject."""

import json
import sys
import urllib.request

import jwt

base, token, algorithm, subject = sys.argv[1:]
key = jwt.PyJWKClient(f"{base}/.well-known/jwks.json").get_signing_key_from_jwt(token)
unverified = jwt.decode(token, options={"verify_signature": False})
issuer = unverified["iss"]
options = {"require": ["exp", "iat", "iss", "aud", "sub", "jti", "client_id"]}
claims = jwt.decode(
    token, key, algorithms=[algorithm], issuer=issuer, audience=issuer, options=options
)
assert claims["sub"] == subject, claims
assert jwt.get_unverified_header(token)["alg"] == algorithm

# What holds can fail, too.
head, body, signature = token.split(".")
broken = ".".join([head, body, ("B" if signature[0] == "A" else "A") + signature[1:]])
try:
    jwt.decode(broken, key, algorithms=[algorithm], issuer=issuer, audience=issuer)
except jwt.InvalidSignatureError:
    pass
else:
    raise AssertionError("a broken signature was taken")
