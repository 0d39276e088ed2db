/**
 * Uuids as 16 raw bytes: how they are stored, and how they travel to the database. Reading goes through hexadecimal
 * text, because that is the form in which the driver delivers bytes.
 */
const digitOf = new Uint8Array(128).fill(255)
for (let digit = 0; digit < 16; digit += 1) digitOf[digit.toString(16).charCodeAt(0)] = digit

/** Writes a lower-case uuid as 16 bytes; false (with the target half written) when `text` is anything else. */
export function writeUuid(target: Uint8Array, offset: number, text: unknown): boolean {
  if (typeof text !== 'string' || text.length !== 36) return false
  let at = 0
  for (let index = 0; index < 16; index += 1) {
    if (index === 4 || index === 6 || index === 8 || index === 10) {
      if (text.charCodeAt(at) !== 0x2d) return false
      at += 1
    }
    const high = digitOf[text.charCodeAt(at)] ?? 255
    const low = digitOf[text.charCodeAt(at + 1)] ?? 255
    if (high > 15 || low > 15) return false
    target[offset + index] = high * 16 + low
    at += 2
  }
  return true
}

/** The uuid whose 32 hexadecimal digits stand at `at`. */
export function uuidFromHex(hex: string, at: number): string {
  const first = hex.slice(at, at + 8)
  const second = hex.slice(at + 8, at + 12)
  const third = hex.slice(at + 12, at + 16)
  const fourth = hex.slice(at + 16, at + 20)
  return `${first}-${second}-${third}-${fourth}-${hex.slice(at + 20, at + 32)}`
}

/** The byte whose two hexadecimal digits stand at `at`. */
export function byteFromHex(hex: string, at: number): number {
  return digitOf[hex.charCodeAt(at)]! * 16 + digitOf[hex.charCodeAt(at + 1)]!
}

/** The unsigned number, most significant byte first, whose `digits` hexadecimal digits stand at `at`; up to 2^53. */
export function numberFromHex(hex: string, at: number, digits: number): number {
  let value = 0
  for (let index = at; index < at + digits; index += 1) value = value * 16 + digitOf[hex.charCodeAt(index)]!
  return value
}
