// Passkeys, with an authenticator that Chromium plays itself. Web Authentication, level 2.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { look } from '../lib/browser.mjs'
import { signIn } from '../lib/stage.mjs'

export default function passkey(stage) {
  test('a person makes a passkey and signs in with it alone', async () => {
    stage.addPatient('rosa', 'cleo')
    const page = await stage.browser.visitor()
    const authenticator = await virtualAuthenticator(page)
    await page.goto(`${stage.server.root}/account/passkeys`)
    await signIn(page, 'rosa')
    await page.waitForURL(/\/account\/passkeys/)
    await look(page, 'passkeys-none')
    await page.getByLabel('A name for it').fill('My phone')
    await page.getByRole('button', { name: 'Add a passkey' }).click()
    await page.getByRole('button', { name: /^Remove/ }).waitFor()
    await look(page, 'passkeys')
    assert.equal((await authenticator.credentials()).length, 1)

    await page.getByRole('button', { name: /sign out/i }).click()
    await page.goto(`${stage.server.root}/login?next=/account/sessions`)
    await page.getByRole('button', { name: /passkey/i }).click()
    await page.waitForURL(/\/account\/sessions/)
  })
}

/** Gives a page an authenticator with a person present who agrees to everything. */
async function virtualAuthenticator(page) {
  const session = await page.context().newCDPSession(page)
  await session.send('WebAuthn.enable')
  const options = {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  }
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', { options })
  return {
    credentials: async () => (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
  }
}
