// EHR launch: the hospital's system opens the app in the context of its user. SMART App Launch 2.2, EHR launch.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { look } from '../lib/browser.mjs'
import { ask, atWork, decide, signIn } from '../lib/stage.mjs'

export default function ehr(stage) {
  test('an app opened from the EHR knows patient, encounter, banner and style', async () => {
    stage.addPhysician('cuddy')
    const page = await stage.browser.visitor()
    // The EHR is an app too: its token opens launches in the name of the physician.
    await page.goto(stage.addApp('ehr', 'Riverside EHR', 'openid fhirUser user/Patient.rs user/Encounter.rs'))
    await signIn(page, 'cuddy')
    await page.waitForURL(/\/authorize\?request=/)
    await look(page, 'consent-ehr')
    await decide(page, 'allow')
    await atWork(page)

    stage.addApp('viewer', 'Growth Viewer', 'launch openid fhirUser patient/Patient.rs patient/Encounter.rs patient/Observation.rs')
    const launch = await page.evaluate(async () => {
      const reference = (name, value) => ({ name, valueReference: { reference: value } })
      const asked = {
        resourceType: 'Parameters',
        parameter: [
          { name: 'client', valueString: 'viewer' },
          reference('patient', 'Patient/ada'),
          reference('encounter', 'Encounter/visit'),
          { name: 'intent', valueString: 'reconcile-medications' },
          { name: 'need_patient_banner', valueBoolean: false },
        ],
      }
      const headers = { 'Content-Type': 'application/fhir+json' }
      return window.smart.request({ url: '$launch', method: 'POST', headers, body: JSON.stringify(asked) })
    })
    const told = Object.fromEntries(launch.parameter.map(({ name, ...value }) => [name, Object.values(value)[0]]))
    assert.ok(told.url.startsWith(`${page.url().replace(/ehr\/.*/, 'viewer/launch.html')}?`), told.url)
    assert.equal(new URL(told.url).searchParams.get('iss'), stage.server.base)
    assert.equal(new URL(told.url).searchParams.get('launch'), told.launch)

    await page.goto(told.url)
    await page.waitForURL(/\/authorize\?request=/)
    await look(page, 'consent-launch')
    await decide(page, 'allow')
    const given = await atWork(page)
    assert.equal(given.patient, 'ada')
    assert.equal(given.encounter, 'visit')
    assert.equal(given.intent, 'reconcile-medications')
    assert.equal(given.need_patient_banner, false)
    assert.equal((await ask(page, 'Encounter/visit')).id, 'visit')
    const style = await page.evaluate(async (url) => (await fetch(url)).json(), given.smart_style_url)
    assert.equal(typeof style.color_background, 'string')

    // The same launch is not good again.
    await page.goto(told.url)
    await page.waitForURL(/index\.html|\/authorize/)
    await page.waitForFunction(() => document.getElementById('state')?.textContent !== 'waiting')
    assert.match(await page.locator('#state').textContent(), /access_denied|invalid_request/)
  })
}
