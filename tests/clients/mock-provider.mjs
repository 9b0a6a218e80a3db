// A provider that says what it is told to say: oauth2-mock-server, and a second port to tell it. Prints both.
import { createServer } from 'node:http'
import { OAuth2Server } from 'oauth2-mock-server'
import { SignJWT, exportSPKI, generateKeyPair, importJWK } from 'jose'

const server = new OAuth2Server()
const key = await server.issuer.keys.generate('RS256')
await server.start(0, '127.0.0.1')
const issuer = `http://127.0.0.1:${server.address().port}`
server.issuer.url = issuer
const { privateKey: other } = await generateKeyPair('RS256')
// What everybody can fetch, as the secret of an HMAC.
const { kty, n, e } = key
const pem = await exportSPKI(await importJWK({ kty, n, e }, 'RS256'))

/** What the next answers are to say. */
let next = {}
let redeemed = 0

const apply = (target, changes) => {
  for (const [name, value] of Object.entries(changes ?? {})) {
    if (value === null) delete target[name]
    else target[name] = value
  }
}
const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const parts = (token) => token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')))

server.service.on('beforeTokenSigning', (token) => {
  // The access token has a scope, the ID token has none.
  if (token.payload.scope === undefined) {
    apply(token.payload, next.claims)
    apply(token.header, next.header)
  }
})
server.service.on('beforeResponse', (answer) => {
  redeemed += 1
  if (next.status) {
    answer.statusCode = next.status
    answer.body = { error: 'invalid_grant' }
    return
  }
  if (next.forged) answer.body.id_token = next.forged(parts(answer.body.id_token))
  apply(answer.body, next.answer)
})
server.service.on('beforeUserinfo', (answer) => apply(answer.body, next.userinfo))
server.service.on('beforeAuthorizeRedirect', ({ url }) => {
  for (const [name, value] of Object.entries(next.redirect ?? {})) {
    if (value === null) url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
})

// The service asks for answers at once, so forgeries are made beforehand, of the claims of the token that they replace.
const { createHmac, createSign, KeyObject } = await import('node:crypto')
const forgeries = {
  unsigned: ([, payload]) => `${base64({ alg: 'none' })}.${base64(payload)}.`,
  wrong_key: ([, payload]) => {
    const text = `${base64({ alg: 'RS256', kid: key.kid })}.${base64(payload)}`
    return `${text}.${createSign('RSA-SHA256').update(text).sign(KeyObject.from(other), 'base64url')}`
  },
  unknown_key: ([, payload]) => {
    const text = `${base64({ alg: 'RS256', kid: 'other' })}.${base64(payload)}`
    return `${text}.${createSign('RSA-SHA256').update(text).sign(KeyObject.from(other), 'base64url')}`
  },
  hs256: ([, payload]) => {
    const text = `${base64({ alg: 'HS256', kid: key.kid, typ: 'JWT' })}.${base64(payload)}`
    return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`
  },
}

const control = createServer(async (request, response) => {
  let body = ''
  for await (const part of request) body += part
  const told = body ? JSON.parse(body) : {}
  let answer = {}
  if (request.url === '/next') {
    next = { ...told, forged: forgeries[told.forged] }
  } else if (request.url === '/redeemed') {
    answer = { redeemed }
  } else if (request.url === '/logout-token') {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: issuer, aud: 'app', iat: now, exp: now + 120, jti: crypto.randomUUID(),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    }
    apply(claims, told)
    const token = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: key.kid, typ: 'logout+jwt' })
    answer = { token: await token.sign(await importJWK(key, 'RS256')) }
  }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(answer))
})
control.listen(0, '127.0.0.1', () => {
  console.log(`Listening on ${issuer} http://127.0.0.1:${control.address().port}`)
})
