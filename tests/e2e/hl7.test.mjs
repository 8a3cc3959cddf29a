// The MLLP client of npm, `node-hl7-client`, against the built server. `node --test` in this folder.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { TARGET, need } from './lib/packages.mjs'
import { startServer } from './lib/server.mjs'

const FIXTURES = resolve(import.meta.dirname, '../../fixtures/hl7v2')
const { Client, Message } = need('node-hl7-client')

/** Returns the messages of the fixtures: names, and texts whose segments end in CR. */
function messages() {
  const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.hl7')).sort()
  return files.map((name) => [basename(name, '.hl7'), readFileSync(join(FIXTURES, name), 'utf8').trim().replaceAll('\n', '\r')])
}

/** A connection that waits for the acknowledgement of each message. */
class Line {
  #answered
  #client
  #connection

  constructor(port) {
    this.#client = new Client({ host: '127.0.0.1' })
    this.#connection = this.#client.createConnection({ port }, async (response) => this.#answered?.(response.getMessage()))
  }

  async send(text) {
    const answer = new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error('no acknowledgement')), 30_000)
      this.#answered = (message) => {
        clearTimeout(late)
        done(message)
      }
    })
    await this.#connection.sendMessage(new Message({ text }))
    return answer
  }

  async close() {
    await this.#connection.close()
  }
}

describe('a sender of npm', () => {
  let server

  before(async () => {
    server = await startServer()
    server.cli('feed add', ['--id', 'everybody'])
  })
  after(() => server?.stop())

  test('every message is acknowledged', async () => {
    const line = new Line(server.mllp)
    const rows = []
    for (const [name, text] of messages()) {
      const answer = await line.send(text)
      const said = (path) => answer.get(path).toString()
      const own = new Message({ text }).get('MSH.10').toString()
      rows.push([name, said('MSH.9'), said('MSA.1'), said('MSA.2') === own])
    }
    await line.close()
    const table = rows.map(([name, kind, code, same]) => `  ${name.padEnd(24)} ${kind.padEnd(20)} ${code} ${same ? 'its own id' : 'ANOTHER ID'}`).join('\n')
    mkdirSync(join(TARGET, 'tables'), { recursive: true })
    writeFileSync(join(TARGET, 'tables/hl7v2-senders-node.txt'), `HL7 v2: node-hl7-client of npm, ${rows.length} messages\n${table}\n`)
    for (const [name, kind, code, same] of rows) {
      assert.ok(kind.startsWith('ACK') && /^[AC]A$/.test(code) && same, `${name}\n${table}`)
    }
  })

  test('the same messages again are acknowledged as before', async () => {
    const line = new Line(server.mllp)
    // One that asks for one acknowledgement: what only says that a message has arrived may say so anew.
    const [, text] = messages().find(([name]) => name === 'oru-r01-result')
    const answers = [await line.send(text), await line.send(text)].map((answer) => answer.toString())
    assert.equal(answers[0], answers[1])
    await line.close()
  })
})
