import type { Command } from 'commander'
import { ageText, jsonText, tableText } from './table.ts'
import { type Shown, type StreamsTools, showing, withStreams } from './tools.ts'

/* `biglearn streams blocked`: every stream that is stopped by a hole now. */
const streamsMax = 1000

export function blockedCommand(tools: StreamsTools): Command {
  return showing('blocked', 'streams that are stopped by a missing number, those that wait longest first')
    .addHelpText('after', '\nWaiting under two minutes is ordinary: events come out of order. See also "status".')
    .action(({ json }: Shown) =>
      withStreams(tools, async ({ log }) => {
        const blocked = await log.blockedStreams(streamsMax)
        if (json) return tools.write(jsonText(blocked))
        if (blocked.length === 0) return tools.write('no stream is blocked\n')
        const rows = blocked.map(({ kind, stream, contiguousSequenceNumber, nextSequenceNumber, blockedSince }) => [
          ...[kind, stream, contiguousSequenceNumber, nextSequenceNumber],
          ageText(Date.now() - blockedSince.getTime()),
        ])
        tools.write(tableText(['kind', 'stream', 'first missing', 'next', 'waits for'], rows))
        if (blocked.length === streamsMax) tools.write(`only the ${streamsMax} oldest are shown\n`)
      }),
    )
}
