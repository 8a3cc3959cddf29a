// The server under test: the built binary with a private PostgreSQL in a folder that goes when the tests end.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { TARGET } from './packages.mjs'

const BINARY = process.env.CARGO_BIN ?? join(TARGET, 'debug/medilink')
const READY_MS_MAX = 60_000

/** Returns a running server; with `--demo`, one with the demo hospital. */
export async function startServer(...how) {
  assert.ok(existsSync(BINARY), `there is no server at ${BINARY}: run 'cargo build' first`)
  // PostgreSQL drops root, and must still be able to pass this folder.
  const folder = mkdtempSync(join(tmpdir(), 'medilink-e2e-'))
  chmodSync(folder, 0o711)
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (let tries = 0; tries < 5; tries++) {
    const server = new Server(folder, await freePort(), await freePort(), how)
    if (await server.launch()) return server
  }
  throw new Error('five ports in a row were taken while the server started')
}

class Server {
  #folder
  #flags
  #how
  #process

  constructor(folder, port, mllp, how) {
    this.#folder = folder
    this.#how = how
    this.mllp = mllp
    // Passkeys want a name and not an address.
    this.root = `http://localhost:${port}`
    this.base = `${this.root}/fhir`
    this.#flags = [
      ...['--listen', `127.0.0.1:${port}`, '--base-url', this.base, '--data-dir', join(folder, 'data')],
      ...['--auth', 'smart', '--mllp-listen', `127.0.0.1:${mllp}`, '--workers', '2'],
    ]
  }

  /** Returns false when the port was taken meanwhile. */
  async launch() {
    const log = openSync(this.#log(), 'a')
    this.#process = spawn(BINARY, ['serve', ...this.#how, ...this.#flags], {
      cwd: this.#folder,
      env: { ...clean(), MEDILINK_NAME: 'Riverside Hospital' },
      stdio: ['ignore', log, log],
    })
    process.on('exit', () => this.#process.kill('SIGKILL'))
    const began = Date.now()
    for (;;) {
      if (this.#process.exitCode !== null) {
        const said = this.log()
        if (/address already in use/i.test(said)) return false
        throw new Error(`the server ended instead of starting:\n${said}`)
      }
      const answer = await fetch(`${this.root}/health/ready`).catch(() => null)
      if (answer?.status === 200) return true
      assert.ok(Date.now() - began < READY_MS_MAX, `the server is not ready:\n${this.log()}`)
      await sleep(50)
    }
  }

  #log() {
    return join(this.#folder, 'log')
  }

  log() {
    return readFileSync(this.#log(), 'utf8').split('\n').slice(-60).join('\n')
  }

  /** Returns what the demo printed: commands for a shell, in their order, and the passwords of people by login. */
  told() {
    const printed = readFileSync(this.#log(), 'utf8')
    const [, lines, people] = printed.match(/Paste these[^\n]*\n([^]*?)\nThese people[^\n]*\n\n([^]*?)\n\n/)
    const words = people.split('\n').map((line) => line.trim().split(/\s+/))
    return { lines: lines.trim(), passwords: Object.fromEntries(words.map(([login, password]) => [login, password])) }
  }

  /** Runs lines for a shell, as somebody pastes them, and returns what they printed. */
  shell(lines) {
    const ran = spawnSync('bash', ['-e', '-c', lines], { env: clean(), encoding: 'utf8', timeout: 60_000 })
    assert.equal(ran.status, 0, `${lines}\n${ran.stderr}`)
    return ran.stdout
  }

  /** Stops the server, and with it its PostgreSQL; fails when it did not end well. */
  async stop() {
    const ended = new Promise((done) => this.#process.once('exit', (code) => done(code)))
    this.#process.kill('SIGTERM')
    assert.equal(await ended, 0, `the server did not end well:\n${this.log()}`)
    assert.doesNotMatch(readFileSync(this.#log(), 'utf8'), /panicked at/, 'a thread of the server panicked')
  }

  /** Runs a command of the binary, such as `client add`, and returns what it printed. */
  cli(command, args, input = '') {
    const ran = spawnSync(BINARY, [...command.split(' '), ...args, ...this.#flags], {
      cwd: this.#folder,
      env: clean(),
      input,
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(ran.status, 0, `medilink ${command}: ${ran.stderr}${ran.stdout}`)
    return ran.stdout.trim()
  }

  /** Sends a message over MLLP and returns the acknowledgement, a segment in each line. */
  send(message) {
    return new Promise((done, failed) => {
      let answer = ''
      const socket = connect(this.mllp, '127.0.0.1', () => socket.write(`\x0b${message.trim().replaceAll('\n', '\r')}\r\x1c\r`))
      socket.setTimeout(30_000, () => socket.destroy(new Error('no acknowledgement')))
      socket.on('error', failed)
      socket.on('data', (part) => {
        answer += part
        if (answer.endsWith('\x1c\r')) {
          socket.end()
          done(answer.slice(1, -2).replaceAll('\r', '\n'))
        }
      })
    })
  }

  addPerson({ login, name, role, fhirUser, password }) {
    const args = ['--login', login, '--name', name, '--role', role, '--password-stdin']
    if (fhirUser) args.push('--fhir-user', fhirUser)
    this.cli('user add', args, password)
  }

  addApp({ id, name, redirect, launch, scope, kind = '--public' }) {
    const args = ['--id', id, '--name', name, '--redirect-uri', redirect, '--scope', scope, kind]
    if (launch) args.push('--launch-uri', launch)
    return this.cli('client add', args)
  }

  /** Stores resources in the name of the operator, in one transaction. */
  async store(resources) {
    const token = this.cli('token', ['--scope', 'system/*.cruds'])
    const entry = resources.map((resource) => {
      const url = `${resource.resourceType}/${resource.id}`
      return { fullUrl: `${this.base}/${url}`, resource, request: { method: 'PUT', url } }
    })
    const answer = await fetch(this.base, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/fhir+json' },
      body: JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }),
    })
    assert.equal(answer.status, 200, await answer.text())
  }
}

/** Returns the environment without settings of the one who runs the tests. */
function clean() {
  const known = ([name]) => !/^(MEDILINK_|PG|DATABASE_URL$)/.test(name)
  return Object.fromEntries(Object.entries(process.env).filter(known))
}

function freePort() {
  return new Promise((done, failed) => {
    const listener = createServer().once('error', failed)
    listener.listen(0, '127.0.0.1', () => {
      const { port } = listener.address()
      listener.close(() => done(port))
    })
  })
}
