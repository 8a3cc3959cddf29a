// The pages of a person's account: second factor, apps, sessions; and the pages of an administrator.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { look } from '../lib/browser.mjs'
import { PASSWORD, ask, atWork, decide, signIn } from '../lib/stage.mjs'
import { totp } from '../lib/totp.mjs'

/** Sets up the authenticator app of a person, signs out, and returns what gives the next code. */
export async function setUpAuthenticator(stage, page, login) {
  await page.goto(`${stage.server.root}/account/authenticator`)
  await signIn(page, login)
  await page.waitForURL(/\/account\/authenticator$/)
  await look(page, 'authenticator')
  await page.getByRole('button', { name: 'Set up the app' }).click()
  const secret = (await page.locator('#secret').textContent()).trim()
  await look(page, 'authenticator-setup')
  await page.locator('input[name=code]').fill('000000')
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByRole('alert').waitFor()
  await look(page, 'authenticator-refused')
  await page.locator('input[name=code]').fill(totp(secret))
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor()
  await look(page, 'recovery-codes')
  await page.getByRole('button', { name: 'Sign out' }).click()
  // That code is used up; the one after it is good already.
  return () => totp(secret, Date.now() + 30_000)
}

export default function account(stage) {
  test('a person takes back what an app was given', async () => {
    stage.addPatient('lise', 'ada')
    const page = await stage.browser.visitor()
    await page.goto(stage.addApp('guest', 'Guest', 'launch/patient offline_access patient/Patient.rs'))
    await signIn(page, 'lise')
    await decide(page, 'allow')
    await atWork(page)
    assert.equal((await ask(page, 'Patient/ada')).id, 'ada')

    const own = await page.context().newPage()
    await own.goto(`${stage.server.root}/account/apps`)
    await look(own, 'apps')
    await own.getByRole('button', { name: 'Stop Guest' }).first().click()
    await own.waitForLoadState()
    await look(own, 'apps-after')

    await page.waitForTimeout(1_100)
    const answers = await page.evaluate(async () => {
      const { serverUrl, tokenUri, tokenResponse } = window.smart.state
      const headers = { Authorization: `Bearer ${tokenResponse.access_token}` }
      const read = await fetch(`${serverUrl}/Patient/ada`, { headers })
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokenResponse.refresh_token })
      const refresh = await fetch(tokenUri, { method: 'POST', body })
      return [read.status, refresh.status, (await refresh.json()).error]
    })
    assert.deepEqual(answers, [401, 400, 'invalid_grant'])
  })

  test('every page of an account is fit to be seen', async () => {
    stage.addPatient('mary', 'cleo')
    const page = await stage.browser.visitor()
    await page.goto(`${stage.server.root}/account`)
    await signIn(page, 'mary', 'not the password')
    await look(page, 'sign-in-refused')
    await signIn(page, 'mary')
    await page.waitForURL(/\/account$/)
    for (const name of ['', '/password', '/passkeys', '/sessions']) {
      await page.goto(`${stage.server.root}/account${name}`)
      await look(page, `account${name.replace('/', '-')}`)
    }
    await page.goto(`${stage.server.root}/step-up?next=/account`)
    await look(page, 'step-up')
    await page.goto(`${stage.server.root}/oauth/authorize?client_id=nobody`)
    await look(page, 'authorize-refused')
    await page.goto(`${stage.server.root}/reset?token=nonsense`)
    await look(page, 'reset-refused')
  })

  test('every page of an administrator is fit to be seen', async () => {
    stage.server.addPerson({ login: 'root', name: 'Grace Admin', role: 'admin', password: PASSWORD })
    const page = await stage.browser.visitor()
    await page.goto(`${stage.server.root}/admin/accounts`)
    await signIn(page, 'root')
    await page.waitForURL(/\/admin\/accounts/)
    await look(page, 'admin-accounts')
    await page.goto(`${stage.server.root}/admin/clients`)
    await look(page, 'admin-clients')
  })
}
