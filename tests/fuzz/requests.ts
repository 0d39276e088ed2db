import fc from 'fast-check'
import type { Endpoint } from '#api/endpoint.ts'
import { validRequest } from './valid-bodies.ts'

/*
 * What the fuzzer sends: bodies that are valid, bodies with one thing wrong, and bytes that mean harm. `mustPass` marks
 * requests that the schema admits: answering one of them with 400 is a fault of the server.
 */
export interface FuzzRequest {
  readonly endpoint: string
  readonly path: string
  readonly kind: 'valid' | 'nearly valid' | 'hostile'
  readonly method: string
  readonly contentType: string
  readonly body: Buffer
  readonly mustPass: boolean
}

const post = { method: 'POST', contentType: 'application/json' } as const

export function anyRequest(endpoints: readonly Endpoint[]): fc.Arbitrary<FuzzRequest> {
  const perEndpoint = endpoints.map((endpoint) => {
    const valid = validRequest(endpoint).map(patient)
    const kinds = fc.oneof(
      { weight: 6, arbitrary: valid.map((body) => request(endpoint, 'valid', textOf(body))) },
      { weight: 4, arbitrary: spoilt(valid).map((body) => request(endpoint, 'nearly valid', textOf(body))) },
      { weight: 1, arbitrary: hostile(endpoint) },
    )
    return endpoint.path.includes('{') ? fc.tuple(kinds, anyName).map(([one, name]) => named(one, name)) : kinds
  })
  return fc.oneof(...perEndpoint)
}

function request({ name, path }: Endpoint, kind: FuzzRequest['kind'], body: Buffer): FuzzRequest {
  return { ...post, endpoint: name, path, kind, body, mustPass: kind === 'valid' }
}

/** Few names, so that what one request made is found by another; `learning` is not for strangers. */
const goodNames = ['fuzz', 'fuzz-2', 'f_3', 'learning']
const badNames = [
  'Fuzz',
  '1fuzz',
  'a%00b',
  '%E0%A4',
  '..%2f..',
  "'; drop table slot; --",
  'x'.repeat(64),
  '%f0%9f%92%a5',
]
const anyName = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...goodNames).map((text) => ({ text, isGood: true })) },
  { weight: 1, arbitrary: fc.constantFrom(...badNames).map((text) => ({ text, isGood: false })) },
)

function named(one: FuzzRequest, name: { readonly text: string; readonly isGood: boolean }): FuzzRequest {
  return { ...one, path: one.path.replace(/\{\w+\}/, name.text), mustPass: one.mustPass && name.isGood }
}

/** A long poll says nothing that a short one does not say. */
function patient(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('wait_seconds' in body)) return body
  return { ...body, wait_seconds: Math.min(0.05, Number(body.wait_seconds)) }
}

function textOf(body: unknown): Buffer {
  return Buffer.from(JSON.stringify(body) ?? 'null')
}

/** Values that programs trip over. */
const wrongValues: readonly unknown[] = [
  null,
  undefined,
  true,
  -1,
  0.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  '0',
  'abcdef00-0000-4000-8000-00000000000',
  'abcdef00-0000-4000-8000-000000000001\u0000',
  "'; drop table segment; --",
  'nul \u0000 inside',
  'lone \ud800 surrogate',
  '9999-99-99T99:99:99Z',
  'x'.repeat(70_000),
  [],
  [[[[]]]],
  {},
  { toString: 1, constructor: null, hasOwnProperty: 'x' },
]

/** One place of a valid body is replaced, removed, or (when it is an item of an array) repeated many times. */
function spoilt(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const change = fc.tuple(fc.nat({ max: 10_000 }), fc.constantFrom(...wrongValues), fc.nat({ max: 20 }))
  return fc.tuple(valid, change).map(([body, [place, value, choice]]) => {
    const copy = structuredClone(body)
    const places = placesIn(copy)
    const chosen = places[place % Math.max(1, places.length)]
    if (chosen === undefined) return value
    if (choice === 0 && Array.isArray(chosen.holder)) repeat(chosen.holder)
    else if (choice < 5 && !Array.isArray(chosen.holder)) delete chosen.holder[chosen.key]
    else Reflect.set(chosen.holder, chosen.key, value)
    return copy
  })
}

interface Place {
  readonly holder: Record<string, unknown> | unknown[]
  readonly key: string
}

function placesIn(node: unknown): Place[] {
  if (typeof node !== 'object' || node === null) return []
  const holder = node as Place['holder']
  return Object.entries(node).flatMap(([key, value]) => [{ holder, key }, ...placesIn(value)])
}

function repeat(items: unknown[]): void {
  const first = items[0]
  while (items.length < 1001) items.push(first)
}

function hostile(endpoint: Endpoint): fc.Arbitrary<FuzzRequest> {
  const example = JSON.stringify(patient(endpoint.examples.request))
  const base = request(endpoint, 'hostile', Buffer.from(example))
  const bodies = [
    Buffer.alloc(0),
    Buffer.from('null'),
    Buffer.from('[]'),
    Buffer.from('{"a":'),
    Buffer.from('[{'.repeat(50_000)),
    Buffer.from(`{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    Buffer.from(example.replace('{', `{"x":${'{"a":'.repeat(3000)}1${'}'.repeat(3000)},`)),
    Buffer.from(example.replace('{', '{"__proto__":{"polluted":true},"constructor":{"prototype":{}},')),
    Buffer.from(example.replaceAll(/"[0-9a-f-]{36}"/g, '"\\u0000"')),
    Buffer.from(example.replaceAll(/:\s*\d+/g, ':123456789012345678901234567890')),
    Buffer.from(example.replaceAll(/:\s*\d+/g, ':1e400')),
    Buffer.from(`\u{feff}${example}`),
    Buffer.from(example, 'utf16le'),
    Buffer.concat([Buffer.from(example.slice(0, 12)), Buffer.from([0xc3, 0x28, 0xff, 0xfe])]),
    Buffer.from(example.slice(0, -1)),
    Buffer.from(`${example}${example}`),
  ]
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...bodies).map((body) => ({ ...base, body })) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 400 }).map((bytes) => ({ ...base, body: Buffer.from(bytes) })) },
    { weight: 1, arbitrary: fc.constantFrom('GET', 'PUT', 'DELETE').map((method) => ({ ...base, method })) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('text/plain', 'multipart/form-data; boundary=x', 'x').map((contentType) => ({
        ...base,
        contentType,
      })),
    },
  )
}
