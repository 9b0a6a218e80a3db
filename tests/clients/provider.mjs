// oidc-provider, which others certified, and a second port to rotate its keys and to take it down and up. Prints both.
import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import { exportJWK, generateKeyPair } from 'jose'

const key = async () => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), use: 'sig', alg: 'RS256' }
}

let keys = [await key()]
let app = 'http://127.0.0.1'
let issuer
let handle

const build = () => {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'app',
        client_secret: 'provider-secret',
        redirect_uris: [`${app}/auth/providers/idp/callback`],
        post_logout_redirect_uris: [`${app}/login`],
        backchannel_logout_uri: `${app}/auth/providers/idp/logout`,
        backchannel_logout_session_required: true,
      },
    ],
    jwks: { keys },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    cookies: { keys: ['for tests'] },
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    pkce: { required: () => true },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `Person ${id}`, email: `${id}@idp.example`, email_verified: true }),
    }),
    // The address of this machine is refused otherwise, which is right outside of tests.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    ttl: { Session: 3600, Grant: 3600, Interaction: 600 },
  })
  provider.on('server_error', (_, error) => console.error(error))
  provider.on('backchannel.error', (_, error) => console.error('back-channel', error))
  handle = provider.callback()
}

const open = (port) =>
  new Promise((resolve) => {
    const server = createServer((request, response) => handle(request, response))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })

let server = await open(0)
const { port } = server.address()
issuer = `http://127.0.0.1:${port}`
build()

const control = createServer(async (request, response) => {
  let body = ''
  for await (const part of request) body += part
  if (request.url === '/app') app = JSON.parse(body).url
  if (request.url === '/rotate') keys = [await key()]
  if (request.url === '/down') {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  } else if (request.url === '/up') {
    server = await open(port)
  } else {
    build()
  }
  response.end(JSON.stringify({ issuer }))
})
control.listen(0, '127.0.0.1', () => {
  console.log(`Listening on ${issuer} http://127.0.0.1:${control.address().port}`)
})
