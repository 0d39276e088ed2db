import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Panel, renderSvg } from './svg-chart.ts'

const panel: Panel = {
  title: 'Right & wrong <1>',
  xLabel: 'answers',
  yLabel: 'chance',
  x: [0, 20],
  y: [0, 1],
  layers: [
    {
      kind: 'line',
      colour: 'blue',
      name: 'chance',
      points: [
        [0, 0],
        [20, 1],
      ],
    },
    { kind: 'dots', colour: 'green', points: [[10, 0.5]] },
    { kind: 'band', colour: 'grey', points: [[0, 0, 1]] },
    { kind: 'mark', x: 20, text: 'end' },
  ],
}

test('corners of the data are corners of the panel, and the middle its middle', () => {
  const svg = renderSvg([panel])
  assert.ok(svg.includes('d="M62 254L544 48"'))
  assert.ok(svg.includes('<circle cx="303" cy="151"'))
  assert.ok(svg.includes('d="M62 254L62 48Z"'))
  assert.ok(svg.includes('M544 48V254'))
})

test('ticks are round numbers inside the range', () => {
  const labels = [...renderSvg([panel]).matchAll(/text-anchor="(?:end|middle)">([\d.]+)</g)].map(([, text]) => text)
  assert.deepEqual(labels, ['0', '0.2', '0.4', '0.6', '0.8', '1', '0', '5', '10', '15', '20'])
})

test('texts are quoted, and panels stand below one another', () => {
  const svg = renderSvg([panel, { ...panel, x: [3, 3], layers: [] }])
  assert.ok(svg.includes('>Right &amp; wrong &lt;1&gt;<'))
  assert.ok(svg.includes('viewBox="0 0 560 600"'))
  assert.ok(svg.includes('translate(0 300)'))
  assert.doesNotMatch(svg, /NaN|Infinity/)
})
