import type { Command } from 'commander'
import { listSetAside } from '#crew/control.ts'
import { listSubscriptions } from '#crew/subscriptions.ts'
import { ageText, jsonText, tableText } from './table.ts'
import { requireSubscription, type Shown, type StreamsTools, showing, withStreams } from './tools.ts'

/* `biglearn streams parked [NAME]`: streams that a subscription could not follow. */
const streamsMax = 200
const errorShown = 60

export function parkedCommand(tools: StreamsTools): Command {
  return showing('parked', 'streams that are set aside, those that need a person first')
    .argument('[name]', 'of one subscription')
    .addHelpText(
      'after',
      `
States: parked (gave up after 8 attempts, waits for "retry" or "skip"), retry (tries again by itself), blocked (waits
for another stream), replay (runs again because somebody asked). Each waits at the number in the column "at"; nothing of
it is lost, and other streams go on.`,
    )
    .action((name: string | undefined, { json }: Shown) =>
      withStreams(tools, async ({ pool }) => {
        if (name !== undefined) await requireSubscription(pool, name)
        const names = name === undefined ? (await listSubscriptions(pool)).map((known) => known.name) : [name]
        const found = await Promise.all(names.map((one) => listSetAside(pool, one, streamsMax)))
        const lines = found.flatMap((streams, index) =>
          streams.map((stream) => ({ subscription: names[index] ?? '', ...stream })),
        )
        if (json) return tools.write(jsonText(lines))
        if (lines.length === 0) return tools.write('no stream is set aside\n')
        const rows = lines.map(({ subscription, stream, state, nextNumber, attempts, since, error }) => [
          ...[subscription, stream, state, nextNumber, attempts, ageText(Date.now() - since.getTime())],
          (error ?? '').slice(0, errorShown),
        ])
        tools.write(tableText(['subscription', 'stream', 'state', 'at', 'attempts', 'since', 'error'], rows))
      }),
    )
}
