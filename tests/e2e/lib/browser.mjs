// Chromium, driven as a person does it: by labels, buttons and keys. Every page is photographed and looked at by axe.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { TRACES, need } from './packages.mjs'

const { chromium } = need('playwright-core')
const AXE = need.resolve('axe-core/axe.min.js')
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } }
const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
]

/** Returns where Chromium is on this machine, or nothing. */
export function chromiumPath() {
  const known = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  return known.find((path) => path && existsSync(path))
}

/** Returns a running Chromium with an empty profile; `visitor()` gives a person of it who is known nowhere. */
export async function startBrowser() {
  mkdirSync(TRACES, { recursive: true })
  const executablePath = chromiumPath()
  assert.ok(executablePath, 'Chromium is not installed')
  const browser = await chromium.launch({ executablePath, args: FLAGS })
  return {
    async visitor() {
      const context = await browser.newContext({ viewport: SIZES.phone })
      context.setDefaultTimeout(15_000)
      // This way it comes by the debugger: the content policy of our pages lets no other script in.
      await context.addInitScript({ path: AXE })
      const page = await context.newPage()
      page.on('pageerror', (error) => assert.fail(`a script failed at ${page.url()}: ${error.message}`))
      return page
    },
    stop: () => browser.close(),
  }
}

/** Photographs a page on a phone and on a desk, in light and dark, and asserts that axe finds nothing wrong with it. */
export async function look(page, name) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: join(TRACES, `${name}-${size}-${colorScheme}.png`), fullPage: true })
      await findNothing(page, `${name}, ${size}, ${colorScheme}`)
    }
  }
  await page.setViewportSize(SIZES.phone)
  await page.emulateMedia({ colorScheme: 'light' })
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.ok(wide <= 0, `${name}: the page is ${wide} pixels too wide for a phone`)
}

async function findNothing(page, name) {
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }))
  const told = violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((node) => node.html).join('\n  ')}`)
  assert.equal(violations.length, 0, `${name}\n${told.join('\n')}`)
}
