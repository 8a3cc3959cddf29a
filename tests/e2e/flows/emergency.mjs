// The emergency card: made by a patient, its code read off the screen by a decoder of others, scanned on a responder's phone.
// SMART Health Links 1.0.0; the file is opened here by a JWE library of others, and in the page by our own script.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { join } from 'node:path'

import { look } from '../lib/browser.mjs'
import { TRACES, need } from '../lib/packages.mjs'
import { signIn } from '../lib/stage.mjs'

const { compactDecrypt } = need('jose')
const { PNG } = need('pngjs')
const jsQR = need('jsqr')

/** A responder's phone shows the record within this time of the scan. */
const SHOWN_MS_MAX = 1_000

export default function emergency(stage) {
  test('a card is made, printed, scanned, renewed', async () => {
    await stage.server.store(record())
    stage.addPatient('erin', 'erin')
    const page = await stage.browser.visitor()
    await page.goto(`${stage.server.root}/patient/card`)
    await signIn(page, 'erin')
    await page.waitForURL(/\/patient\/card$/)
    await look(page, 'card-none')
    await page.getByRole('button', { name: 'Make my card' }).click()
    await page.locator('.bank-card').waitFor()
    await look(page, 'card')
    await page.getByText('For an NFC tag').click()
    await look(page, 'card-tag')

    const address = await scanned(page)
    assert.equal(address, (await page.locator('#address').inputValue()).trim(), 'the code and the tag lead to one place')
    assert.ok(address.startsWith(`${stage.server.root}/emergency/view#shlink:/`), address)
    await printed(page)

    await openedElsewhere(address)
    await responder(stage, address)

    await page.getByRole('button', { name: 'Make a new card' }).click()
    await page.getByText('Your card is ready').waitFor()
    const old = await stage.browser.visitor()
    await old.goto(address)
    await old.getByText('This card is not in use any more').waitFor()
    await look(old, 'emergency-revoked')
    assert.notEqual(await scanned(page), address)
  })

  test('a link with a passcode asks for it', async () => {
    await stage.server.store(record('fay'))
    stage.addPatient('fay', 'fay')
    const page = await stage.browser.visitor()
    await page.goto(`${stage.server.root}/patient/card`)
    await signIn(page, 'fay')
    await page.getByLabel(/Passcode/).fill('open sesame')
    await page.getByRole('button', { name: 'Make a link' }).click()
    await page.getByText('The link is ready').waitFor()
    await look(page, 'card-share')
    const address = (await page.locator('.shares .mono').first().textContent()).trim()

    const reader = await stage.browser.visitor()
    const answers = ['wrong one', 'open sesame']
    const asked = []
    reader.on('dialog', async (dialog) => {
      asked.push(dialog.message())
      await dialog.accept(answers.shift())
    })
    await reader.goto(address)
    await reader.getByRole('heading', { name: 'Erin Evans' }).waitFor()
    assert.equal(asked.length, 2)
    assert.match(asked[1], /Tries left: 4/)
  })

  test('without a card the viewer says what to do', async () => {
    const page = await stage.browser.visitor()
    await page.goto(`${stage.server.root}/emergency/view`)
    await page.getByText('Scan the code on the card').waitFor()
    await look(page, 'emergency-nothing')
    await page.goto(`${stage.server.root}/emergency/view#shlink:/eyJ1cmwiOiJub25zZW5zZSJ9`)
    await page.getByText('The card could not be opened').waitFor()
  })
}

/** Returns what the code on the screen says, as a camera would see it. */
async function scanned(page) {
  const session = await page.context().newCDPSession(page)
  await session.send('Emulation.setDeviceMetricsOverride', { width: 390, height: 844, deviceScaleFactor: 4, mobile: true })
  const picture = PNG.sync.read(await page.locator('.bank-card').screenshot({ path: join(TRACES, 'card-scanned.png') }))
  await session.send('Emulation.clearDeviceMetricsOverride')
  const found = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height)
  assert.ok(found, 'no code was found on the card')
  return found.data
}

/** On paper there is the card, in the size of a bank card, and nothing else. */
async function printed(page) {
  await page.emulateMedia({ media: 'print' })
  await page.screenshot({ path: join(TRACES, 'card-printed.png') })
  const box = await page.locator('.bank-card').boundingBox()
  const mm = (pixels) => Math.round((pixels / 96) * 25.4)
  assert.deepEqual([mm(box.width), mm(box.height)], [86, 54])
  for (const hidden of ['h1', 'header', 'form', '.hint']) {
    assert.equal(await page.locator(hidden).first().isVisible(), false, hidden)
  }
  await page.emulateMedia({ media: null })
}

/** Another program opens the file with what the code says, and nothing else. */
async function openedElsewhere(address) {
  const payload = JSON.parse(Buffer.from(address.split('#shlink:/')[1], 'base64url'))
  assert.equal(payload.flag, 'U')
  assert.ok(payload.exp > Date.now() / 1000)
  const answer = await fetch(`${payload.url}?recipient=Another+viewer`, { headers: { Origin: 'https://viewer.example' } })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/jose')
  assert.equal(answer.headers.get('access-control-allow-origin'), '*')
  const { plaintext, protectedHeader } = await compactDecrypt(await answer.text(), Buffer.from(payload.key, 'base64url'))
  assert.deepEqual(protectedHeader, { alg: 'dir', enc: 'A256GCM', cty: 'application/fhir+json' })
  const bundle = JSON.parse(Buffer.from(plaintext))
  assert.deepEqual([bundle.resourceType, bundle.type], ['Bundle', 'collection'])
  assert.doesNotMatch(JSON.stringify(bundle), /Secret Street/)
}

/** A responder who has no account scans the code with a phone. */
async function responder(stage, address) {
  const phone = await stage.browser.visitor()
  const sent = []
  phone.on('request', (request) => sent.push(request.url()))
  const began = Date.now()
  await phone.goto(address)
  await phone.getByRole('heading', { name: 'Erin Evans' }).waitFor()
  const took_ms = Date.now() - began
  assert.ok(took_ms < SHOWN_MS_MAX, `the record was shown after ${took_ms} ms`)
  const key = JSON.parse(Buffer.from(address.split('#shlink:/')[1], 'base64url')).key
  assert.ok(sent.every((url) => url.startsWith(stage.server.root) && !url.split('#')[0].includes(key)), sent.join('\n'))
  const first = phone.locator('section').first()
  assert.match(await first.textContent(), /Allergies.*Penicillin.*LIFE-THREATENING/s)
  const [top, height] = await first.evaluate((it) => [it.getBoundingClientRect().bottom, window.innerHeight])
  assert.ok(top < height, 'allergies are seen without scrolling')
  for (const words of ['A positive', 'Insulin', 'Diabetes', 'Pacemaker', 'DO NOT RESUSCITATE']) {
    await phone.getByText(words).first().waitFor()
  }
  assert.equal(await phone.getByRole('link', { name: 'Call +46 8 123 456' }).getAttribute('href'), 'tel:+468123456')
  assert.equal(await phone.getByText(/Secret|<b>/).count(), 1, 'what a record says is words, never markup')
  await look(phone, 'emergency-view')
}

function record(id = 'erin') {
  const subject = { reference: `Patient/${id}` }
  const concept = (text, code, system) => ({ text, coding: [{ system, code }] })
  const active = (kind) => concept('Active', 'active', `http://terminology.hl7.org/CodeSystem/${kind}`)
  const of = (resourceType, name, more) => ({ resourceType, id: `${id}-${name}`, ...more })
  return [
    {
      resourceType: 'Patient',
      id,
      name: [{ given: ['Erin'], family: 'Evans' }],
      birthDate: '1980-02-29',
      gender: 'female',
      address: [{ line: ['1 Secret Street'] }],
      communication: [{ language: { text: 'Welsh' } }],
    },
    of('AllergyIntolerance', 'penicillin', {
      clinicalStatus: active('allergyintolerance-clinical'), criticality: 'high', code: { text: 'Penicillin' }, patient: subject,
      reaction: [{ manifestation: [{ text: 'Anaphylaxis' }] }],
    }),
    of('AllergyIntolerance', 'markup', {
      clinicalStatus: active('allergyintolerance-clinical'), code: { text: '<b>Latex</b>' }, patient: subject,
    }),
    of('Observation', 'blood', {
      status: 'final', code: concept('Blood group', '882-1', 'http://loinc.org'), subject, effectiveDateTime: '2020-05-01',
      valueCodeableConcept: concept('A positive', '278149003', 'http://snomed.info/sct'),
    }),
    of('MedicationRequest', 'insulin', {
      status: 'active', intent: 'order', subject, medicationCodeableConcept: { text: 'Insulin glargine' }, dosageInstruction: [{ text: '10 units each evening' }],
    }),
    of('Condition', 'diabetes', { clinicalStatus: active('condition-clinical'), code: { text: 'Diabetes type 1' }, subject, onsetDateTime: '1992' }),
    of('Device', 'pacemaker', { status: 'active', patient: subject, type: { text: 'Pacemaker' }, manufacturer: 'Heartworks', modelNumber: 'P-7' }),
    of('RelatedPerson', 'sam', {
      patient: subject, name: [{ text: 'Sam Evans' }], telecom: [{ system: 'phone', value: '+46 8 123 456' }],
      relationship: [concept('Emergency contact', 'C', 'http://terminology.hl7.org/CodeSystem/v2-0131'), { text: 'Husband' }],
    }),
    of('Consent', 'dnr', {
      status: 'active', patient: subject, scope: concept('Advance directive', 'adr', 'http://terminology.hl7.org/CodeSystem/consentscope'),
      category: [concept('Do not resuscitate', 'dnr', 'http://terminology.hl7.org/CodeSystem/consentcategorycodes')],
      policyRule: concept('Opt in', 'OPTIN', 'http://terminology.hl7.org/CodeSystem/v3-ActCode'), dateTime: '2025-01-05',
    }),
  ]
}
