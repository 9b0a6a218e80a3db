"""A service in FastAPI that takes access tokens of a Portcullis server.

    PORTCULLIS_ISSUER=http://127.0.0.1:8000 uvicorn main:app --port 3000
"""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

# `iss` and `aud` of the tokens, compared exactly: `token.issuer` and `token.audience` of the server.
ISSUER = os.environ["PORTCULLIS_ISSUER"]
AUDIENCE = os.environ.get("PORTCULLIS_AUDIENCE", ISSUER)
# What the server signs with. Never HS256 beside them: who has the public key could sign.
ALGORITHMS = ["ES256", "EdDSA", "RS256", "PS256"]
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti", "client_id"]

# Fetched with the first token, and then kept.
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300, timeout=5)
bearer = HTTPBearer(auto_error=False)
app = FastAPI()


def refuse(status: int, detail: str, challenge: str) -> HTTPException:
    return HTTPException(status, detail, {"WWW-Authenticate": challenge})


# Not `async`: FastAPI then runs it on a thread, where fetching the keys makes nobody wait.
def caller(token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> dict:
    """The claims of a token that is good."""
    if token is None:
        raise refuse(401, "send an access token", "Bearer")
    try:
        # RFC 9068, section 4: nothing else that the same key signed is an access token.
        if jwt.get_unverified_header(token.credentials).get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        key = keys.get_signing_key_from_jwt(token.credentials)
        return jwt.decode(
            token.credentials,
            key,
            algorithms=ALGORITHMS,
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": REQUIRED},
        )
    except jwt.PyJWKClientConnectionError as error:
        # Nobody can tell whether the token is good: not the caller's fault.
        raise HTTPException(503, "the keys cannot be fetched", {"Retry-After": "5"}) from error
    except jwt.PyJWTError as error:
        raise refuse(401, str(error), 'Bearer error="invalid_token"') from error


Caller = Annotated[dict, Depends(caller)]


def requires(role: str):
    """Whoever has the role. The token also names the roles that a role implies."""

    def check(claims: Caller) -> dict:
        if role not in claims.get("roles", []):
            raise refuse(403, f"this needs role {role}", 'Bearer error="insufficient_scope"')
        return claims

    return Depends(check)


@app.get("/me")
def me(claims: Caller) -> dict:
    return {"id": claims["sub"], "roles": claims.get("roles", []), "scope": claims["scope"]}


@app.get("/reports")
def reports(claims: Annotated[dict, requires("admin")]) -> dict:
    return {"reports": [], "for": claims["sub"]}
