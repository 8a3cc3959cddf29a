// The packages of npm, which live below `target/` and not beside these files: the tree stays as it was checked out.

import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../../..')

/** Where Cargo builds. */
export const TARGET = resolve(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'))

/** Where packages, screenshots and other traces are. */
export const TRACES = join(TARGET, 'e2e')

/** `require` of the packages that `scripts/e2e` has installed. */
export const need = createRequire(join(TRACES, 'package.json'))
