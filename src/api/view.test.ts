import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseView, plainView, tooMuchToExplain } from './view.ts'

test('nothing asked, or of an endpoint without views: the plain view', () => {
  assert.deepEqual(parseView({}, ['as_of', 'explain']), plainView)
  assert.deepEqual(parseView({ as_of: 'nonsense', explain: '7' }, []), plainView)
})

test('a date-time with any offset, and explain', () => {
  const view = parseView({ as_of: '2026-11-21T10:00:00.250+02:00', explain: '1' }, ['as_of', 'explain'])
  assert.deepEqual(view, { asOf: Date.UTC(2026, 10, 21, 8, 0, 0, 250), explains: true })
})

test('as_of is refused for a time that does not exist, such as 30 February', () => {
  for (const asOf of [
    '2026-02-30T10:00:00Z',
    '2026-02-29T10:00:00+02:00',
    '2026-06-31T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T10:60:00Z',
    '2026-01-01T10:00:00+24:00',
  ]) {
    assert.match(JSON.stringify(parseView({ as_of: asOf }, ['as_of'])), /as_of must be/, asOf)
  }
  const view = parseView({ as_of: '2024-02-29T23:59:59.5-23:59' }, ['as_of'])
  assert.deepEqual(view, { ...plainView, asOf: Date.UTC(2024, 2, 1, 23, 58, 59, 500) })
})

test('what can not be understood is named', () => {
  for (const asOf of ['', 'yesterday', '2026-11-21', '2026-11-21T10:00:00', '2026-13-01T10:00:00Z', ['a', 'b']]) {
    assert.match(JSON.stringify(parseView({ as_of: asOf }, ['as_of'])), /as_of must be/)
  }
  for (const explain of ['', 'yes', ['1', '1']]) {
    assert.match(JSON.stringify(parseView({ explain }, ['explain'])), /explain must be/)
  }
})

test('a request that explains has at most a hundred lines, any other as many as the endpoint takes', () => {
  const lines = (count: number) => ({ pe_requests: Array.from({ length: count }, () => ({})) })
  const explaining = { ...plainView, explains: true }
  assert.equal(tooMuchToExplain(explaining, lines(100)), undefined)
  assert.match(tooMuchToExplain(explaining, lines(101)) ?? '', /explain=1 .* at most 100 lines/)
  assert.equal(tooMuchToExplain(plainView, lines(1000)), undefined)
})
