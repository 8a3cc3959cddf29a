// The authenticator app of a person: time-based codes. RFC 6238, with the parameters that all such apps share.

import { createHmac } from 'node:crypto'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Returns the code of a moment for a secret in base 32. */
export function totp(secret, now_ms = Date.now()) {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(now_ms / 30_000)))
  const hash = createHmac('sha1', decode(secret)).update(counter).digest()
  const at = hash.at(-1) & 15
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

function decode(text) {
  const bits = [...text.toUpperCase().replace(/[^A-Z2-7]/g, '')].map((c) => LETTERS.indexOf(c).toString(2).padStart(5, '0'))
  const bytes = bits.join('').match(/.{8}/g) ?? []
  return Buffer.from(bytes.map((byte) => parseInt(byte, 2)))
}
