"""PyJWT verifies an archive of an account through the JWKS. Arguments: base URL, access token, algorithm, subject."""

import sys
import urllib.request

import jwt

base, access_token, algorithm, subject = sys.argv[1:]
request = urllib.request.Request(
    f"{base}/me/export", headers={"authorization": f"Bearer {access_token}"}
)
archive = urllib.request.urlopen(request).read().decode()
key = jwt.PyJWKClient(f"{base}/.well-known/jwks.json").get_signing_key_from_jwt(archive)
issuer = jwt.decode(access_token, options={"verify_signature": False})["iss"]


def verified(text):
    return jwt.decode(
        text, key, algorithms=[algorithm], issuer=issuer, audience="portcullis-account-archive"
    )


claims = verified(archive)
assert claims["sub"] == subject == claims["account"]["id"], claims
assert claims["complete"] is True and claims["sessions"] and claims["events"], claims
assert jwt.get_unverified_header(archive)["typ"] == "portcullis-account+jwt"

# One character of what is signed is another.
head, body, signature = archive.split(".")
middle = len(body) // 2
changed = body[:middle] + ("B" if body[middle] == "A" else "A") + body[middle + 1 :]
try:
    verified(".".join([head, changed, signature]))
except jwt.InvalidSignatureError:
    pass
else:
    raise AssertionError("a changed archive was taken")

# Who takes access tokens does not take it.
try:
    jwt.decode(archive, key, algorithms=[algorithm], issuer=issuer, audience=issuer)
except jwt.InvalidAudienceError:
    pass
else:
    raise AssertionError("an archive passes for an access token")
