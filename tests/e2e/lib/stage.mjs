// What all flows share: one server, one Chromium, the apps, and the people and records of a small hospital; and a server with the demo.

import assert from 'node:assert/strict'

import { startApps } from './app.mjs'
import { startBrowser } from './browser.mjs'
import { startServer } from './server.mjs'
import { totp } from './totp.mjs'

export const PASSWORD = 'correct horse battery staple'

/** Returns the stage; `stop()` takes all of it down. */
export async function startStage() {
  const [server, demo, apps, browser] = await Promise.all([startServer(), startServer('--demo'), startApps(), startBrowser()])
  await server.store(records())
  return {
    server,
    demo,
    browser,
    /** Adds an app with its pages, and registers it. */
    addApp(id, name, scope, allowed = scope) {
      const pages = apps.add(id, { iss: server.base, scope, pkceMode: 'required' })
      server.addApp({ id, name, scope: allowed, ...pages })
      return pages.launch
    },
    addPatient: (login, patient) =>
      server.addPerson({ login, name: `${login} of the tests`, role: 'patient', fhirUser: `Patient/${patient}`, password: PASSWORD }),
    addPhysician: (login) =>
      server.addPerson({ login, name: `Dr ${login}`, role: 'physician', fhirUser: 'Practitioner/house', password: PASSWORD }),
    async stop() {
      await browser.stop()
      await apps.stop()
      await Promise.all([server.stop(), demo.stop()])
    },
  }
}

/** Fills the sign-in page in. */
export async function signIn(page, login, password = PASSWORD) {
  await page.locator('input[name=login]').fill(login)
  await page.locator('input[name=password]').fill(password)
  await page.getByRole('button', { name: /sign in|continue/i }).first().click()
}

/** Sets the authenticator app of a person up in their session; returns what gives the next code, and codes for when it is lost. */
export async function addAuthenticator(page, root) {
  await page.goto(`${root}/account/authenticator`)
  await page.getByRole('button', { name: 'Set up the app' }).click()
  const secret = (await page.locator('#secret').textContent()).trim()
  await page.locator('input[name=code]').fill(totp(secret))
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor()
  const recovery = await page.locator('.codes li').allTextContents()
  // The code of now is used up; the one after it is good already.
  return { next: () => totp(secret, Date.now() + 30_000), recovery: () => recovery.pop().trim() }
}

/** Answers the consent page. */
export async function decide(page, decision) {
  await page.locator(`button[name=decision][value=${decision}]`).click()
}

/** Returns what the app was given, once it is back at work. */
export async function atWork(page) {
  const state = page.locator('#state')
  await page.waitForURL(/index\.html/)
  await page.waitForFunction(() => document.getElementById('state').textContent !== 'waiting')
  assert.equal(await state.textContent(), 'ready')
  return page.evaluate(() => window.smart.state.tokenResponse)
}

/** Asks the server from within the app; returns the resource, or `{ status, message }` of a refusal. */
export function ask(page, path) {
  return page.evaluate(async (path) => {
    try {
      return await window.smart.request(path)
    } catch (error) {
      return { status: error.statusCode ?? error.status ?? 0, message: error.message }
    }
  }, path)
}

function records() {
  const subject = (id) => ({ reference: `Patient/${id}` })
  const concept = (system, code) => ({ coding: [{ system, code }] })
  const OBSERVATION = 'http://terminology.hl7.org/CodeSystem/observation-category'
  const CONDITION = 'http://terminology.hl7.org/CodeSystem/condition-category'
  const observation = (id, patient, category, code, text) => ({
    resourceType: 'Observation',
    id,
    status: 'final',
    category: [concept(OBSERVATION, category)],
    code: { ...concept('http://loinc.org', code), text },
    subject: subject(patient),
    valueQuantity: { value: 72, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
  })
  const condition = (id, patient, category, text) => ({
    resourceType: 'Condition',
    id,
    category: [concept(CONDITION, category)],
    code: { text },
    subject: subject(patient),
  })
  const patient = (id, given, family, birthDate, gender) => ({
    resourceType: 'Patient', id, name: [{ given: [given], family }], birthDate, gender,
    // Without a Consent physicians see whom they care for.
    generalPractitioner: [{ reference: 'Practitioner/house' }],
  })
  return [
    { resourceType: 'Practitioner', id: 'house', name: [{ given: ['Greta'], family: 'House', prefix: ['Dr'] }] },
    patient('ada', 'Ada', 'Lovelace', '1985-12-10', 'female'),
    patient('ben', 'Benjamin', 'Banneker', '1971-11-09', 'male'),
    patient('cleo', 'Cleo', 'Lovage', '2001-02-03', 'female'),
    {
      resourceType: 'Encounter',
      id: 'visit',
      status: 'in-progress',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      subject: subject('ada'),
    },
    observation('pulse', 'ada', 'vital-signs', '8867-4', 'Heart rate'),
    observation('sodium', 'ada', 'laboratory', '2951-2', 'Sodium'),
    observation('pulse-of-ben', 'ben', 'vital-signs', '8867-4', 'Heart rate'),
    condition('asthma', 'ada', 'problem-list-item', 'Asthma'),
    condition('sprain', 'ada', 'encounter-diagnosis', 'Sprained ankle'),
  ]
}
