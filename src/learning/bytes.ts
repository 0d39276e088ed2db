import type { Uuid } from '#domain/ids.ts'
import { uuidAt } from '#log/body/digits.ts'
import { writeUuid } from '#log/uuid-bytes.ts'

/*
 * Binary layouts of stored rows: big-endian, uuids as 16 raw bytes, instants as 64-bit whole milliseconds. Reading past
 * the end throws a RangeError: such a row is damaged, not odd.
 */
function readUuid(bytes: Buffer, at: number): Uuid {
  if (at + 16 > bytes.length) throw new RangeError('a packed row ends inside a uuid')
  for (let index = 0; index < 16; index += 1) digits.setUint16(2 * index, digitsOfByte[bytes[at + index] ?? 0] ?? 0)
  // Sixteen bytes are a uuid whatever they are: nothing to check.
  return uuidAt(digits, 0) as Uuid
}

const digits = new DataView(new ArrayBuffer(32))
/** The two characters of a byte's hexadecimal digits. */
const digitsOfByte = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16BE(),
)

const instantAbsent = -(2n ** 63n)

/** Grows as it is written to; for rows of varying length. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(1024)
  #length = 0

  byte(value: number): void {
    this.#room(1)
    this.#length = this.#bytes.writeUInt8(value, this.#length)
  }

  count(value: number): void {
    this.#room(4)
    this.#length = this.#bytes.writeUInt32BE(value, this.#length)
  }

  uuid(value: Uuid): void {
    this.#room(16)
    writeUuid(this.#bytes, this.#length, value)
    this.#length += 16
  }

  instant(value: number | undefined): void {
    this.#room(8)
    this.#length = this.#bytes.writeBigInt64BE(value === undefined ? instantAbsent : BigInt(value), this.#length)
  }

  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.count(length)
    this.#room(length)
    this.#length += this.#bytes.write(value, this.#length)
  }

  uuids(values: readonly Uuid[]): void {
    this.count(values.length)
    for (const value of values) this.uuid(value)
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #room(length: number): void {
    if (this.#length + length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  byte(): number {
    const value = this.#bytes.readUInt8(this.#at)
    this.#at += 1
    return value
  }

  count(): number {
    const value = this.#bytes.readUInt32BE(this.#at)
    this.#at += 4
    return value
  }

  uuid(): Uuid {
    const value = readUuid(this.#bytes, this.#at)
    this.#at += 16
    return value
  }

  instant(): number | undefined {
    const value = this.#bytes.readBigInt64BE(this.#at)
    this.#at += 8
    return value === instantAbsent ? undefined : Number(value)
  }

  text(): string {
    const length = this.count()
    const value = this.#bytes.toString('utf8', this.#at, this.#at + length)
    this.#at += length
    return value
  }

  uuids(): Uuid[] {
    return this.list(() => this.uuid())
  }

  bytes(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new RangeError('a packed row ends early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  list<Item>(read: () => Item): Item[] {
    return Array.from({ length: this.count() }, read)
  }
}
