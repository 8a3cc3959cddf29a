// Real SMART apps in a real browser against the built server. `node --test` in this folder; README.md says what it needs.

import { after, before, describe } from 'node:test'

import { startStage } from './lib/stage.mjs'
import account from './flows/account.mjs'
import consent from './flows/consent.mjs'
import ehr from './flows/ehr.mjs'
import emergency from './flows/emergency.mjs'
import feeds from './flows/feeds.mjs'
import glass from './flows/glass.mjs'
import passkey from './flows/passkey.mjs'
import sharing from './flows/sharing.mjs'
import standalone from './flows/standalone.mjs'

describe('apps and people', () => {
  /** Filled before the first test; the flows keep a reference to it. */
  const stage = {}

  before(async () => Object.assign(stage, await startStage()))
  after(() => stage.stop?.())

  standalone(stage)
  ehr(stage)
  consent(stage)
  account(stage)
  emergency(stage)
  passkey(stage)
  sharing(stage)
  glass(stage)
  feeds(stage)
})
