import type { Command } from 'commander'
import { listSetAside, skipEvent } from '#crew/control.ts'
import type { Uuid } from '#domain/ids.ts'
import { ConfigurationError } from '#platform/config.ts'
import { notSetAside } from './retry.ts'
import { jsonText } from './table.ts'
import {
  type DeedOptions,
  deed,
  type KindOptions,
  parseNumber,
  parseUuid,
  reasonOf,
  requireSubscription,
  type StreamsTools,
  withKind,
  withStreams,
} from './tools.ts'

/* `biglearn streams skip NAME COURSE --number N`: one subscription never gets one event. */
const setAsideMax = 100_000

export function skipCommand(tools: StreamsTools): Command {
  return withKind(deed('skip', 'go over the one event at which a stream stopped, for this subscription'))
    .argument('<name>', 'of the subscription')
    .argument('<course>', 'uuid of the course', parseUuid)
    .requiredOption('--number <number>', 'of the event, as "parked" shows it under "at"', parseNumber)
    .addHelpText(
      'after',
      `
The subscription sees a no_op in its place, now and in every replay; others still get the event, and the log keeps it.
Prefer to mend the cause and "retry".`,
    )
    .action((subscription: string, stream: Uuid, options: DeedOptions & KindOptions & { readonly number: number }) =>
      withStreams(tools, async ({ pool }) => {
        const { kind, number, json } = options
        await requireSubscription(pool, subscription)
        const isDone = await skipEvent(pool, { subscription, ...reasonOf(options) }, { kind, stream }, number)
        if (!isDone) {
          const all = await listSetAside(pool, subscription, setAsideMax)
          const stopped = all.find((one) => one.stream === stream)
          if (stopped === undefined) throw notSetAside(subscription, stream)
          throw new ConfigurationError(
            `${stream} did not stop at ${number} but at ${stopped.nextNumber}`,
            `look at that event, then use --number ${stopped.nextNumber}`,
          )
        }
        tools.write(json ? jsonText({ subscription, stream, skipped: number }) : `${stream} goes on after ${number}\n`)
      }),
    )
}
