// GitHub and Discord as far as a sign-in meets them: their dialects of OAuth2, on one port. What a user is comes from the code.
import { createServer } from 'node:http'
import { createHash } from 'node:crypto'

const users = {
  'github-ada': {
    user: { id: 583231, login: 'ada', name: 'Ada Lovelace', email: 'shown@victim.example' },
    emails: [
      { email: 'other@example.com', primary: false, verified: true, visibility: null },
      { email: 'ada@example.com', primary: true, verified: true, visibility: 'private' },
    ],
  },
  // The address that is shown is the victim's; GitHub has verified none.
  'github-eve': {
    user: { id: 7, login: 'eve', name: null, email: 'victim@example.com' },
    emails: [{ email: 'victim@example.com', primary: true, verified: false, visibility: 'public' }],
  },
  'discord-ada': { user: { id: '80351110224678912', username: 'ada', global_name: 'Ada', verified: true, email: 'ada@discord.example' } },
  'discord-eve': { user: { id: '80351110224678913', username: 'eve', global_name: null, verified: false, email: 'victim@example.com' } },
}
const codes = new Map()

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://stand-in')
  const json = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  let body = ''
  for await (const part of request) body += part
  if (url.pathname === '/authorize') {
    const to = new URL(url.searchParams.get('redirect_uri'))
    const code = url.searchParams.get('as')
    codes.set(code, { challenge: url.searchParams.get('code_challenge'), redirect: to.href })
    to.searchParams.set('code', code)
    to.searchParams.set('state', url.searchParams.get('state'))
    response.writeHead(302, { location: to.href })
    return response.end()
  }
  if (url.pathname === '/token') {
    const form = new URLSearchParams(body)
    const code = codes.get(form.get('code'))
    codes.delete(form.get('code'))
    const basic = (request.headers.authorization ?? '').startsWith('Basic ')
    const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
    const good = code && code.challenge === challenge && code.redirect === form.get('redirect_uri')
    // GitHub and Discord want the secret in the form, and JSON only if it is asked for.
    if (basic || form.get('client_secret') !== 'stand-in-secret' || !good || !request.headers.accept?.includes('json')) {
      // GitHub refuses with 200.
      return json(200, { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' })
    }
    return json(200, { access_token: `token-of-${form.get('code')}`, token_type: 'bearer', scope: 'user:email' })
  }
  const who = users[request.headers.authorization?.replace('Bearer token-of-', '')]
  if (!who || !request.headers['user-agent']) return json(401, { message: 'Bad credentials' })
  if (url.pathname === '/user/emails') return json(200, who.emails)
  if (url.pathname === '/user') return json(200, who.user)
  json(404, {})
})
server.listen(0, '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${server.address().port}`))
