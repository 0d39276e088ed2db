import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ageText, jsonText, rangesText, tableText } from './table.ts'

test('columns are aligned, numbers to the right, nothing behind the last one', () => {
  assert.equal(
    tableText(
      ['name', 'behind', 'note'],
      [
        ['learning', 7, ''],
        ['x', 1200n, 'late'],
      ],
    ),
    ['name      behind  note', 'learning       7', 'x           1200  late', ''].join('\n'),
  )
  assert.equal(tableText(['alone'], []), 'alone\n')
})

test('a text that another program wrote can not move the cursor or begin a line', () => {
  const rows = [['\u001b[2J\u001b]0;owned\u0007gone\r\nlearning  0\u009b1A', 1]] as const
  assert.equal(tableText(['error', 'n'], rows), `error${' '.repeat(29)}n\n [2J ]0;owned gone learning 0 1A  1\n`)
})

test('an age is told in the largest unit of which there are two', () => {
  const ages = [-5, 999, 119_999, 120_000, 7_199_999, 7_200_000, 172_799_999, 172_800_000].map(ageText)
  assert.deepEqual(ages, ['0 s', '0 s', '119 s', '2 min', '119 min', '2 h', '47 h', '2 d'])
})

test('ranges, and bigints in JSON', () => {
  const ranges = [
    { from: 3, to: 3 },
    { from: 5, to: 7 },
  ]
  assert.equal(rangesText(ranges), '3, 5-7')
  assert.deepEqual(JSON.parse(jsonText({ position: 9_007_199_254_740_993n })), { position: '9007199254740993' })
})
