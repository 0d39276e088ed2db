import type { Uuid } from '#domain/ids.ts'

/**
 * The newest events of all courses together, each as a hash and its number: 17 bytes or so an event, the same for many
 * small courses as for a large one. There are two generations; when the young one is full, the old one is let go. So at
 * least `eventsKept` events are remembered and at most twice as many.
 */
export class RecentEvents {
  readonly #eventsKept: number
  #course: Uuid | undefined
  #courseHash = 0
  #young = new NumberedHashes(slotsMin)
  #old = new NumberedHashes(slotsMin)

  constructor(eventsKept: number) {
    this.#eventsKept = eventsKept
  }

  /** Memory in use now. */
  get bytes(): number {
    return this.#young.bytes + this.#old.bytes
  }

  /** Returns another number of the same course with the same event, if one is remembered, and keeps the lower one. */
  add(course: Uuid, event: Uuid, number: number): number | undefined {
    const hash = this.#keyOf(course, event)
    const known = this.#young.get(hash) ?? this.#old.get(hash)
    this.#young.set(hash, known === undefined ? number : Math.min(known, number))
    if (this.#young.size >= this.#eventsKept) {
      this.#old = this.#young
      this.#young = new NumberedHashes(this.#old.slots)
    }
    return known === number ? undefined : known
  }

  /** The same event in two courses has two keys. Events of a course come together. */
  #keyOf(course: Uuid, event: Uuid): number {
    if (course !== this.#course) this.#courseHash = hashOf(course)
    this.#course = course
    const sum = this.#courseHash + hashOf(event)
    return sum < keys ? sum : sum - keys
  }
}

const slotsMin = 1024
const keys = 2 ** 53

/**
 * 53 bits that depend on all 128: uuids of versions 1 and 7 begin alike when they were made at about the same time, and
 * every equal hash costs the log a look at two events.
 */
function hashOf(uuid: Uuid): number {
  const words = [uuid.slice(0, 8), uuid.slice(9, 13) + uuid.slice(14, 18), uuid.slice(19, 23) + uuid.slice(24, 28)]
  let low = 0x811c9dc5
  let high = 0x9e3779b9
  for (const word of [...words, uuid.slice(28)]) {
    const bits = Number.parseInt(word, 16) | 0
    low = Math.imul(low ^ bits, 0x85ebca6b)
    low ^= low >>> 15
    high = Math.imul(high ^ bits ^ (low >>> 7), 0xc2b2ae35)
    high ^= high >>> 13
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0)
}

/** Open addressing: 12 bytes a slot, of which three quarters at most are used; a Map takes about 50 an entry. */
class NumberedHashes {
  #hashes: Float64Array
  #numbers: Uint32Array
  size = 0

  constructor(slots: number) {
    this.#hashes = new Float64Array(slots).fill(-1)
    this.#numbers = new Uint32Array(slots)
  }

  get slots(): number {
    return this.#hashes.length
  }

  get bytes(): number {
    return this.#hashes.byteLength + this.#numbers.byteLength
  }

  get(hash: number): number | undefined {
    const at = this.#find(hash)
    return this.#hashes[at] === hash ? this.#numbers[at] : undefined
  }

  set(hash: number, number: number): void {
    if (this.size * 4 >= this.slots * 3) this.#grow()
    const at = this.#find(hash)
    if (this.#hashes[at] !== hash) this.size += 1
    this.#hashes[at] = hash
    this.#numbers[at] = number
  }

  #find(hash: number): number {
    const mask = this.#hashes.length - 1
    let at = (hash % 0x7fff_ffff) & mask
    while (this.#hashes[at] !== -1 && this.#hashes[at] !== hash) at = (at + 1) & mask
    return at
  }

  #grow(): void {
    const larger = new NumberedHashes(2 * this.slots)
    for (const [at, hash] of this.#hashes.entries()) if (hash !== -1) larger.set(hash, this.#numbers[at]!)
    this.#hashes = larger.#hashes
    this.#numbers = larger.#numbers
  }
}
