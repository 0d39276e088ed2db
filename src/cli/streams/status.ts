import type { Command } from 'commander'
import type { Uuid } from '#domain/ids.ts'
import type { StreamStatus } from '#log/log.ts'
import { ageText, type Cell, jsonText, rangesText, tableText } from './table.ts'
import { type KindOptions, parseUuids, type Shown, type StreamsTools, showing, withKind, withStreams } from './tools.ts'

/* `biglearn streams status COURSE…`: how far streams are, what they miss, and since when. */
const gapsMax = 1000
const gapsShown = 5

export function statusCommand(tools: StreamsTools): Command {
  return withKind(showing('status', 'how far streams are, which numbers they miss, and since when they wait'))
    .argument('<course...>', 'uuids of courses (or of ecosystems, with --kind)', parseUuids)
    .addHelpText(
      'after',
      `
"readable" is the first number that is missing: consumers have got everything below it. "next" is the highest stored
number + 1. They are equal while nothing is missing. Numbers are the producer's, so ask the producer for missing ones
first; what will never come is filled with "repair".`,
    )
    .action((streams: readonly Uuid[], { kind, json }: KindOptions & Shown) =>
      withStreams(tools, async ({ log }) => {
        const statuses = await log.statuses(
          streams.map((stream) => ({ kind, stream })),
          gapsMax,
        )
        tools.write(json ? jsonText(statuses) : tableText(headings, statuses.map(row)))
      }),
    )
}

const headings = ['stream', 'readable', 'next', 'missing', 'waits for']

function row({ stream, ...status }: StreamStatus): Cell[] {
  const { contiguousSequenceNumber, nextSequenceNumber, gaps, oldestBlockedAt } = status
  const further = gaps.length > gapsShown ? `, and ${gaps.length - gapsShown} more ranges` : ''
  const missing = gaps.length === 0 ? 'nothing' : `${rangesText(gaps.slice(0, gapsShown))}${further}`
  return [
    stream,
    contiguousSequenceNumber,
    nextSequenceNumber,
    status.isKnown ? missing : 'unknown stream',
    oldestBlockedAt === undefined ? '-' : ageText(Date.now() - oldestBlockedAt.getTime()),
  ]
}
