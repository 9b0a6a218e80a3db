// Sign-in with a provider in real Chromium, without scripts. Arguments: base URL, path of Chromium, control of provider.mjs,
// email and password of a user; a folder for screenshots, if they are wanted.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const [base, executablePath, control, email, password, shots] = process.argv.slice(2)
const tell = (path, what = {}) => fetch(`${control}${path}`, { method: 'POST', body: JSON.stringify(what) })
const { issuer } = await (await tell('/app', { url: base })).json()

const profile = mkdtempSync(join(tmpdir(), 'portcullis-sign-in-'))
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  javaScriptEnabled: false,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
const page = await context.newPage()
page.setDefaultTimeout(20_000)
const problems = []
page.on('console', (message) => {
  if (message.type() === 'error') problems.push(message.text())
})
const shot = async (name) => {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`) })
}
const at = (path) => page.waitForURL((url) => url.href === `${base}${path}` || url.href.startsWith(`${base}${path}?`))
const text = () => page.locator('main').innerText()
const toProvider = async () => {
  await page.goto(`${base}/login`)
  await page.getByRole('link', { name: 'Continue with The provider' }).click()
}
/** The pages of the provider. */
const identify = async (who) => {
  await page.locator('input[name=login]').fill(who)
  await page.locator('input[name=password]').fill('anything')
  await page.getByRole('button').first().click()
}
const consent = async () => {
  await page.getByRole('button', { name: 'Continue' }).click()
}
const signedInAs = async (who) => {
  await at('/account')
  assert.match(await text(), new RegExp(`You are logged in as .*${who}@idp\\.example`))
}

try {
  // Whoever opens the account page is asked to log in.
  await page.goto(`${base}/account`)
  await at('/login')
  await shot('login')
  assert.equal(await page.getByLabel('Email').count(), 1)
  assert.equal(await page.getByLabel('Password').count(), 1)

  // Sign-in.
  await toProvider()
  await identify('anna')
  await consent()
  await signedInAs('anna')
  await shot('account')
  const cookies = await context.cookies(base)
  for (const name of ['portcullis-access', 'portcullis-refresh']) {
    const cookie = cookies.find((cookie) => cookie.name === name)
    assert.ok(cookie?.httpOnly, name)
    assert.equal(cookie.sameSite, 'Lax')
  }
  assert.ok(!cookies.some((cookie) => cookie.name === 'sign-in'), 'the flow is forgotten')

  // Refresh: the access token lives for two seconds.
  await page.waitForTimeout(2_500)
  await page.goto(`${base}/account`)
  await signedInAs('anna')

  // The last way in is not unlinked.
  await page.getByRole('button', { name: 'Unlink The provider' }).click()
  assert.match(await text(), /last way in/)
  await shot('last-way-in')

  // Logout, and keys that rotate before the next sign-in. The provider forgets with them who it was.
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await at('/login')
  await page.goto(`${base}/account`)
  await at('/login')
  await tell('/rotate')
  await toProvider()
  await identify('anna')
  await consent()
  await signedInAs('anna')

  // The provider is down: who is logged in stays so, a password still works, and a sign-in comes to nothing.
  await tell('/down')
  await page.waitForTimeout(2_500)
  await page.goto(`${base}/account`)
  await signedInAs('anna')
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await at('/login')
  await toProvider().catch(() => {})
  assert.ok(!page.url().startsWith(base), 'nobody answers there')
  await page.goto(`${base}/login?return_to=https://evil.example/`)
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill('a wrong password')
  await page.getByRole('button', { name: 'Log in' }).click()
  assert.match(await text(), /Wrong email or password/)
  await shot('wrong-password')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await at('/account')
  assert.match(await text(), new RegExp(email))
  await tell('/up')
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await at('/login')
  await toProvider()
  await signedInAs('anna')

  // A logout at the provider alone ends the session here (back-channel).
  await page.goto(`${issuer}/session/end`)
  await page.getByRole('button', { name: /yes/i }).click()
  await page.waitForLoadState()
  await page.goto(`${base}/account`)
  await at('/login')

  // A logout here and there.
  await toProvider()
  await identify('anna')
  await consent()
  await signedInAs('anna')
  await page.getByRole('button', { name: 'Log out here and at The provider' }).click()
  await page.getByRole('button', { name: /yes/i }).click()
  await at('/login')
  await page.goto(`${base}/account`)
  await at('/login')

  // Linked by who is logged in, and unlinked.
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await at('/account')
  await page.getByRole('button', { name: 'Link The provider' }).click()
  await identify('berta')
  await consent()
  await at('/account')
  assert.match(await text(), /berta@idp\.example/)
  assert.match(await text(), new RegExp(email))
  await shot('linked')
  await page.getByRole('button', { name: 'Unlink The provider' }).click()
  await at('/account')
  assert.equal(await page.getByRole('button', { name: 'Link The provider' }).count(), 1)

  const unexpected = problems.filter((problem) => !/Failed to load resource/.test(problem))
  assert.deepEqual(unexpected, [])
} catch (error) {
  console.error(page.url())
  console.error(await page.locator('body').innerText().catch(() => ''))
  throw error
} finally {
  await context.close()
  rmSync(profile, { recursive: true, force: true })
}
