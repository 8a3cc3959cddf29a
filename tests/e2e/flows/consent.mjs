// The consent page: what is ticked is what the app gets. SMART App Launch 2.2, scopes; granular scope selection of (g)(10).

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { look } from '../lib/browser.mjs'
import { ask, atWork, decide, signIn } from '../lib/stage.mjs'

const LABORATORY = 'category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory'
const PROBLEMS = 'category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item'

export default function consent(stage) {
  test('a patient gives parts of what an app asks for', async () => {
    stage.addPatient('grace', 'ada')
    const page = await stage.browser.visitor()
    const asked = 'launch/patient patient/Condition.rs patient/Observation.rs patient/Patient.rs'
    await page.goto(stage.addApp('parts', 'Lab Reports', asked))
    await signIn(page, 'grace')
    await page.waitForURL(/\/authorize\?request=/)
    const box = (scope) => page.locator(`input[name=scope][value="${scope}"]`)
    for (const part of await page.getByText('Allow only a part of this').all()) await part.click()
    await box('patient/Condition.rs').uncheck()
    await box('patient/Observation.rs').uncheck()
    await box(`patient/Condition.rs?${PROBLEMS}`).check()
    await box(`patient/Observation.rs?${LABORATORY}`).check()
    await look(page, 'consent-parts')
    await decide(page, 'allow')

    const scope = (await atWork(page)).scope.split(' ').map(decodeURIComponent)
    assert.ok(!scope.includes('patient/Condition.rs') && !scope.includes('patient/Observation.rs'), scope.join(' '))
    assert.ok(scope.includes(`patient/Observation.rs?${LABORATORY}`), scope.join(' '))
    assert.ok(scope.includes(`patient/Condition.rs?${PROBLEMS}`) && scope.includes('patient/Patient.rs'), scope.join(' '))
    const ids = (bundle) => bundle.entry.map((entry) => entry.resource.id)
    assert.deepEqual(ids(await ask(page, 'Observation')), ['sodium'])
    assert.deepEqual(ids(await ask(page, 'Condition')), ['asthma'])
    assert.equal((await ask(page, 'Observation/sodium')).id, 'sodium')
    assert.match(String((await ask(page, 'Observation/pulse')).status), /403|404/)
  })

  test('a patient refuses an app', async () => {
    stage.addPatient('hedy', 'cleo')
    const page = await stage.browser.visitor()
    await page.goto(stage.addApp('nosy', 'Nosy', 'launch/patient patient/*.rs'))
    await signIn(page, 'hedy')
    await page.waitForURL(/\/authorize\?request=/)
    await look(page, 'consent-everything')
    await decide(page, 'deny')
    await page.waitForURL(/index\.html/)
    const state = page.locator('#state', { hasText: /access_denied/ })
    await state.waitFor()
  })
}
