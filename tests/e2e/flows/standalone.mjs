// Standalone launch: the app is opened first, and finds out whose records it gets. SMART App Launch 2.2, standalone launch.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { look } from '../lib/browser.mjs'
import { ask, atWork, decide, signIn } from '../lib/stage.mjs'
import { setUpAuthenticator } from './account.mjs'

const SCOPE = 'launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs'

export default function standalone(stage) {
  test('a patient signs in with a second factor, allows an app, and it works with her records', async () => {
    stage.addPatient('ada', 'ada')
    const page = await stage.browser.visitor()
    const factor = await setUpAuthenticator(stage, page, 'ada')

    const launch = stage.addApp('pulse', 'Pulse Diary', SCOPE)
    await page.goto(launch)
    await page.waitForURL(/\/login/)
    await look(page, 'sign-in')
    await signIn(page, 'ada')
    await page.waitForURL(/\/login\/factor/)
    await look(page, 'second-factor')
    await page.getByLabel('Code', { exact: true }).fill(factor())
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL(/\/authorize\?request=/)
    await look(page, 'consent-patient')
    await decide(page, 'allow')

    const given = await atWork(page)
    assert.equal(given.patient, 'ada')
    assert.equal(typeof given.expires_in, 'number')
    assert.deepEqual(new Set(given.scope.split(' ')), new Set(SCOPE.split(' ')))
    assert.equal((await ask(page, 'Patient/ada')).id, 'ada')
    assert.equal((await ask(page, 'Patient/ben')).status, 404)
    const found = await ask(page, 'Observation?_sort=_id')
    assert.deepEqual(found.entry.map((entry) => entry.resource.id), ['pulse', 'sodium'])
    assert.equal((await ask(page, 'Condition')).status, 403)
    const user = await page.evaluate(() => window.smart.user.read())
    assert.equal(`${user.resourceType}/${user.id}`, 'Patient/ada')

    const before = given.access_token
    const after = await page.evaluate(async () => (await window.smart.refresh()).tokenResponse)
    assert.notEqual(after.access_token, before)
    assert.notEqual(after.refresh_token, given.refresh_token)
    assert.equal(after.patient, 'ada')
    assert.equal((await ask(page, 'Patient/ada')).id, 'ada')
  })

  test('a physician picks the patient', async () => {
    stage.addPhysician('house')
    const page = await stage.browser.visitor()
    await page.goto(stage.addApp('chart', 'Chart', 'launch/patient openid fhirUser patient/Patient.rs patient/Observation.rs'))
    await signIn(page, 'house')
    await page.waitForURL(/\/authorize\/patient\?request=/)
    await look(page, 'patient-picker')
    await page.locator('input[name=q]').fill('Lovelace')
    await page.locator('input[name=q]').press('Enter')
    await page.waitForURL(/q=Lovelace/)
    await look(page, 'patient-picker-found')
    assert.equal(await page.getByText('Banneker').count(), 0)
    await page.locator('button[name=patient]').first().click()
    await page.waitForURL(/\/authorize\?request=/)
    await look(page, 'consent-physician')
    await decide(page, 'allow')

    const given = await atWork(page)
    assert.equal(given.patient, 'ada')
    assert.equal(given.refresh_token, undefined)
    assert.equal((await ask(page, 'Patient/ada')).id, 'ada')
    assert.equal((await ask(page, 'Patient/ben')).status, 404)
    const user = await page.evaluate(() => window.smart.user.read())
    assert.equal(`${user.resourceType}/${user.id}`, 'Practitioner/house')
  })

  test('a person without a mouse signs in and allows an app', async () => {
    stage.addPatient('keys', 'cleo')
    const page = await stage.browser.visitor()
    await page.goto(stage.addApp('typed', 'Typed', 'launch/patient patient/Patient.rs'))
    await page.waitForURL(/\/login/)
    await reach(page, 'input[name=login]')
    await page.keyboard.type('keys')
    await page.keyboard.press('Tab')
    await page.keyboard.type('correct horse battery staple')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/authorize\?request=/)
    await reach(page, 'button[name=decision][value=allow]')
    await page.keyboard.press('Enter')
    assert.equal((await atWork(page)).patient, 'cleo')
  })
}

/** Presses Tab until this element has the focus, and asserts that one can see that it has. */
async function reach(page, selector) {
  for (let presses = 0; presses < 30; presses++) {
    const there = await page.evaluate((selector) => document.activeElement?.matches(selector), selector)
    if (there) {
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
      assert.notEqual(outline, 'none', `${selector}: one cannot see that it has the focus`)
      return
    }
    await page.keyboard.press('Tab')
  }
  assert.fail(`${selector} cannot be reached by the Tab key at ${page.url()}`)
}
