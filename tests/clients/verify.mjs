// npm `jose` verifies an access token through the JWKS. Arguments: base URL, token, algorithm, subject.
import assert from 'node:assert/strict'
import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose'

const [base, token, algorithm, subject] = process.argv.slice(2)
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', base))
const issuer = decodeJwt(token).iss
const options = {
  algorithms: [algorithm],
  issuer,
  audience: issuer,
  typ: 'at+jwt',
  requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id', 'sid', 'scope'],
}
const { payload } = await jwtVerify(token, keys, options)
assert.equal(payload.sub, subject)

// What holds can fail, too.
const [head, body, signature] = token.split('.')
const broken = [head, body, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.')
await assert.rejects(jwtVerify(broken, keys, options), errors.JWSSignatureVerificationFailed)
