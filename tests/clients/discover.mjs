// npm `oauth4webapi`, told nothing but the issuer, verifies an access token as RFC 9068 asks for. What Spring, Quarkus and
// others do with an `issuer-uri`. Arguments: issuer, token, subject.
import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'

const [url, token, subject] = process.argv.slice(2)
const insecure = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(url)
const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
const server = await oauth.processDiscoveryResponse(issuer, answer)
const asked = bearer => new Request(`${url}/me`, { headers: { authorization: `Bearer ${bearer}` } })

const claims = await oauth.validateJwtAccessToken(server, asked(token), url, insecure)
assert.equal(claims.sub, subject)

// What holds can fail, too.
const [head, body, signature] = token.split('.')
const broken = [head, body, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.')
await assert.rejects(oauth.validateJwtAccessToken(server, asked(broken), url, insecure))
await assert.rejects(oauth.validateJwtAccessToken(server, asked(token), 'https://other.example', insecure))
