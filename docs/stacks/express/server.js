// A service in Express that takes access tokens of a Portcullis server.
//
//   PORTCULLIS_ISSUER=http://127.0.0.1:8000 PORT=3000 node server.js
import express from 'express'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

// `iss` and `aud` of the tokens, compared exactly: `token.issuer` and `token.audience` of the server.
const issuer = process.env.PORTCULLIS_ISSUER
const audience = process.env.PORTCULLIS_AUDIENCE ?? issuer
// Fetched with the first token and kept; for an unknown key it asks again, at most once in 30 seconds.
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
const options = {
  issuer,
  audience,
  // What the server signs with. Never HS256 beside them: who has the public key could sign.
  algorithms: ['ES256', 'EdDSA', 'RS256', 'PS256'],
  // RFC 9068, section 4: nothing else that the same key signed is an access token.
  typ: 'at+jwt',
  requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id'],
}

const refuse = (response, status, detail, challenge) =>
  response.status(status).set('WWW-Authenticate', challenge).json({ detail })

/** Lets in whoever brings a good token. */
async function authenticated(request, response, next) {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (token === undefined) return refuse(response, 401, 'send an access token', 'Bearer')
  try {
    request.caller = (await jwtVerify(token, keys, options)).payload
  } catch (error) {
    const isAboutToken =
      error instanceof errors.JWKSNoMatchingKey ||
      (error instanceof errors.JOSEError && !error.code.startsWith('ERR_JWKS') && error.code !== 'ERR_JOSE_GENERIC')
    if (isAboutToken) return refuse(response, 401, error.message, 'Bearer error="invalid_token"')
    // Nobody can tell whether the token is good: not the caller's fault.
    return response.status(503).set('Retry-After', '5').json({ detail: 'the keys cannot be fetched' })
  }
  next()
}

/** Lets in whoever has the role. The token also names the roles that a role implies. */
const requires = role => [
  authenticated,
  (request, response, next) =>
    request.caller.roles?.includes(role)
      ? next()
      : refuse(response, 403, `this needs role ${role}`, 'Bearer error="insufficient_scope"'),
]

const app = express()
app.get('/me', authenticated, ({ caller }, response) =>
  response.json({ id: caller.sub, roles: caller.roles ?? [], scope: caller.scope }))
app.get('/reports', requires('admin'), ({ caller }, response) => response.json({ reports: [], for: caller.sub }))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`))
