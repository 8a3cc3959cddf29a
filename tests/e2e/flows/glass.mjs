// Broken glass at the demo hospital: opened with a reason, told to the patient, ended, reviewed; and the pages of compliance.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { look } from '../lib/browser.mjs'
import { enter, record } from './sharing.mjs'

const REASON = 'Found unconscious on the stairs, and nobody of the family answers.'

export default function glass(stage) {
  test('a physician breaks the glass, the patient sees it and ends it', async () => {
    const { demo, unproven: doctor } = stage
    await doctor.goto(`${demo.root}/clinician/break-glass?patient=tomas`)
    await doctor.waitForURL(/\/step-up/)
    await look(doctor, 'break-glass-step-up')
    await doctor.getByLabel('Password').fill(demo.told().passwords.physician)
    await doctor.getByLabel('Code').fill(stage.physician.recovery())
    await doctor.getByRole('button', { name: 'Confirm' }).click()
    await doctor.waitForURL(/\/clinician\/break-glass\?patient=tomas/)
    await doctor.getByLabel(/Why you must see/).fill('aaaaaaaaaaaaaaaaaaaaaaaaaaa')
    await look(doctor, 'break-glass')
    await doctor.getByRole('button', { name: 'Open the record' }).click()
    await doctor.getByRole('alert').waitFor()
    await look(doctor, 'break-glass-refused')
    await doctor.getByLabel(/Why you must see/).fill(REASON)
    await doctor.getByRole('button', { name: 'Open the record' }).click()
    await doctor.waitForURL(/\/clinician\/patients\/tomas$/)
    await look(doctor, 'clinician-record-glass')
    const seen = await record(doctor, demo.root, 'tomas')
    for (const title of ['Allergy to peanut', 'Asthma', 'Potassium', 'Salbutamol inhaler']) assert.ok(seen.includes(title), `${title}: ${seen}`)
    await doctor.goto(`${demo.root}/clinician`)
    await look(doctor, 'clinician-home-glass')

    const patient = await enter(stage, 'neighbor', stage.neighbor.recovery())
    await patient.getByRole('heading', { name: 'Opened in an emergency' }).waitFor()
    await look(patient, 'patient-home-glass')
    await patient.goto(`${demo.root}/patient/inbox`)
    await look(patient, 'patient-inbox')
    await patient.goto(`${demo.root}/patient/log`)
    // The latest is first, and the physician has looked at a lot since.
    await patient.getByRole('link', { name: 'Earlier' }).click()
    await patient.getByText(/opened your whole record in an emergency/).first().waitFor()
    await look(patient, 'patient-log-earlier')
    await patient.goto(`${demo.root}/patient/log`)
    await look(patient, 'patient-log-glass')
    await patient.getByRole('button', { name: 'End this now: Dr. Chidi Okafor' }).click()
    await patient.getByText('It is ended').waitFor()
    await look(patient, 'sharing-glass-ended')

    const answer = await doctor.goto(`${demo.root}/clinician/patients/tomas`)
    assert.equal(answer.status(), 404)
    await doctor.goto(`${demo.root}/clinician`)
    assert.equal(await doctor.getByText('Records you opened').count(), 0)
  })

  test('an auditor reviews it, and sees that the audit is whole', async () => {
    const { root } = stage.demo
    const auditor = await enter(stage, 'auditor')
    assert.equal(new URL(auditor.url()).pathname, '/admin/alerts')
    await auditor.getByText('1 to review').waitFor()
    await auditor.getByText('The audit is whole').waitFor()
    await look(auditor, 'audit-alerts')
    await auditor.goto(`${root}/admin/reviews`)
    await look(auditor, 'audit-reviews')
    await auditor.getByRole('link', { name: /Dr. Chidi Okafor/ }).click()
    await auditor.getByText(REASON).first().waitFor()
    await look(auditor, 'audit-review')
    await auditor.getByLabel(/^\s*Justified/).check()
    await auditor.getByLabel('What you found out').fill('The ambulance report confirms it.')
    await auditor.getByRole('button', { name: 'Save the finding' }).click()
    await auditor.getByText('The finding is saved.').waitFor()
    await look(auditor, 'audit-reviews-done')
    await auditor.getByRole('link', { name: /Dr. Chidi Okafor/ }).click()
    await look(auditor, 'audit-review-done')

    await auditor.goto(`${root}/admin/chain`)
    await auditor.getByText(/^Whole: /).waitFor()
    await look(auditor, 'audit-chain')
    await auditor.goto(`${root}/admin/events`)
    await look(auditor, 'audit-events')
    await auditor.getByLabel('What', { exact: true }).selectOption('emergency')
    await auditor.getByRole('button', { name: 'Search' }).click()
    await auditor.getByRole('heading', { name: 'Found' }).waitFor()
    await look(auditor, 'audit-events-found')
  })
}
