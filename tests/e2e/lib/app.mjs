// The apps under test: static pages on a port of their own, which load fhirclient as an app from a gallery does.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

import { need } from './packages.mjs'

const FHIR_CLIENT = join(need.resolve('fhirclient/package.json'), '../build/fhir-client.js')
const PAGES = join(import.meta.dirname, '../app')
const KINDS = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8' }

/**
 * Returns a server of apps. Each has its own folder: `/ID/launch.html`, where it begins, and `/ID/index.html`, where it
 * comes back to. What it asks for is told to its pages in `/ID/settings.js`.
 */
export async function startApps() {
  const apps = new Map()
  const server = createServer((request, response) => {
    const [, id, file = ''] = new URL(request.url, 'http://app').pathname.split('/')
    const body = apps.has(id) ? content(apps.get(id), file) : null
    response.writeHead(body === null ? 404 : 200, { 'Content-Type': KINDS[file.split('.').pop()] ?? 'text/plain' })
    response.end(body)
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const root = `http://localhost:${server.address().port}`
  return {
    /** Adds an app; `asked` is what it hands to `FHIR.oauth2.authorize`. */
    add(id, asked) {
      const page = (file) => `${root}/${id}/${file}.html`
      apps.set(id, { clientId: id, redirectUri: page('index'), ...asked })
      return { launch: page('launch'), redirect: page('index') }
    },
    stop: () => new Promise((done) => server.close(done).closeAllConnections()),
  }
}

function content(asked, file) {
  switch (file) {
    case 'fhir-client.js':
      return readFileSync(FHIR_CLIENT)
    case 'settings.js':
      return `const asked = ${JSON.stringify(asked)}`
    case 'launch.html':
    case 'index.html':
      return readFileSync(join(PAGES, file))
    default:
      return null
  }
}
