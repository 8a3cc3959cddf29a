// A feed of HL7 v2: a message that fails is looked at and mended by an administrator, in Chromium.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { look } from '../lib/browser.mjs'
import { PASSWORD, signIn } from '../lib/stage.mjs'

const MESSAGE = `MSH|^~\\&|LAB|E2E|||20260102030405+0000||ORU^R01^ORU_R01|e2e-1|P|2.5.1
PID|1||||Lovelace^Ada||19851210|F
OBR|1||FL1^LAB|24323-8^Panel^LN|||20260102030000+0000|||||||||||||||20260102030400+0000||LAB|F
OBX|1|NM|2951-2^Sodium^LN||140|mmol/L^^UCUM|135-145|N|||F`

export default function feeds(stage) {
  test('a message that failed is mended by an administrator', async () => {
    const { server } = stage
    server.cli('feed add', ['--id', 'lab', '--application', 'LAB', '--facility', 'E2E'])
    assert.match(await server.send(MESSAGE), /^MSA\|AE\|e2e-1/m)
    server.addPerson({ login: 'feeder', name: 'Fay Feeder', role: 'admin', password: PASSWORD })
    const page = await stage.browser.visitor()
    await page.goto(`${server.root}/admin/feeds`)
    await signIn(page, 'feeder')
    await page.waitForURL(/\/admin\/feeds/)
    await look(page, 'admin-feeds')
    await page.getByRole('link', { name: '1 to look at' }).click()
    await look(page, 'admin-messages-search')
    await page.getByRole('link', { name: 'Messages', exact: true }).first().click()
    await look(page, 'admin-messages')
    await page.getByRole('link', { name: 'ORU^R01' }).first().click()
    await page.getByRole('heading', { name: 'What it says' }).waitFor()
    await look(page, 'admin-message')
    await page.getByText('Put it aside').first().click()
    await page.getByText('Correct the message').click()
    await look(page, 'admin-message-mend')
    const text = page.getByLabel('The message as it should be')
    await text.fill((await text.inputValue()).replace('PID|1||||', 'PID|1||e2e-ada^^^E2E||'))
    await page.getByRole('button', { name: 'Take the corrected message' }).click()
    await page.getByRole('heading', { name: 'What came of it' }).waitFor()
    await look(page, 'admin-message-done')
    await page.goto(`${server.root}/admin/messages`)
    await page.getByText('No message waits for anybody.').waitFor()
    await page.goto(`${server.root}/admin/feeds`)
    await page.getByRole('button', { name: 'Stop lab' }).click()
    await page.getByText('stopped').waitFor()
    assert.match(await server.send(MESSAGE.replace('e2e-1', 'e2e-2')), /^MSA\|A[RE]\|e2e-2/m)
  })
}
