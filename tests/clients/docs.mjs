// The docs page in real Chromium: press Authorize, log in, call /me. Arguments: base URL, path of Chromium, email, password.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const [base, executablePath, email, password] = process.argv.slice(2)
const profile = mkdtempSync(join(tmpdir(), 'portcullis-docs-'))
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})
try {
  const page = await context.newPage()
  const foreign = []
  const problems = []
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(base) && !/^(data|blob|about):/.test(url)) foreign.push(url)
  })
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))

  await page.goto(`${base}/docs`)
  await page.getByRole('button', { name: 'Authorize', exact: true }).first().click()

  // The password flow of Swagger UI; the bearer scheme is another form of the same dialog.
  const dialog = page.locator('.dialog-ux')
  const flow = dialog.locator('.auth-container', { hasText: 'password' }).filter({ has: page.locator('input[type=password]') }).first()
  await flow.locator('input[type=text], input[name=username]').first().fill(email)
  await flow.locator('input[type=password]').first().fill(password)
  const login = page.waitForResponse((response) => response.url().endsWith('/auth/login'))
  await flow.getByRole('button', { name: /^authorize/i }).or(flow.getByRole('button', { name: /apply given/i })).first().click()
  assert.equal((await login).status(), 200)
  // The form is gone then: the dialog offers to log out.
  await dialog.getByText('Logout', { exact: true }).first().waitFor()
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()

  const operation = page.locator('.opblock-get').filter({ has: page.locator('[data-path="/me"]') }).first()
  await operation.locator('.opblock-summary-control').first().click()
  const [execute, tryOut] = ['Execute', 'Try it out'].map((text) => operation.getByText(text, { exact: true }))
  // Whether the form is open at once is a setting of the page.
  await execute.or(tryOut).first().waitFor()
  if (await tryOut.isVisible()) await tryOut.click()
  const called = page.waitForResponse((response) => response.url() === `${base}/me`)
  await execute.click()
  const answer = await called
  assert.equal(answer.status(), 200)
  assert.equal((await answer.json()).email, email)
  await operation.locator('.live-responses-table').getByText(email).first().waitFor()

  assert.deepEqual(foreign, [], 'the page asked elsewhere')
  assert.deepEqual(problems, [], 'the page complains')
} finally {
  await context.close()
  rmSync(profile, { recursive: true, force: true })
}
