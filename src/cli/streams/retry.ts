import type { Command } from 'commander'
import { retryStream } from '#crew/control.ts'
import type { Uuid } from '#domain/ids.ts'
import { ConfigurationError } from '#platform/config.ts'
import { jsonText } from './table.ts'
import {
  type DeedOptions,
  deed,
  type KindOptions,
  parseUuid,
  reasonOf,
  requireSubscription,
  type StreamsTools,
  withKind,
  withStreams,
} from './tools.ts'

/* `biglearn streams retry NAME COURSE`: after a fix, from the event that failed. */
export function retryCommand(tools: StreamsTools): Command {
  return withKind(deed('retry', 'try a stream again now that was set aside, from the event that failed'))
    .argument('<name>', 'of the subscription')
    .argument('<course>', 'uuid of the course', parseUuid)
    .addHelpText('after', '\nDo this after the cause is mended. Attempts are counted from nothing again.')
    .action((subscription: string, stream: Uuid, options: DeedOptions & KindOptions) =>
      withStreams(tools, async ({ pool }) => {
        await requireSubscription(pool, subscription)
        const isDone = await retryStream(pool, { subscription, ...reasonOf(options) }, { kind: options.kind, stream })
        if (!isDone) throw notSetAside(subscription, stream)
        tools.write(options.json ? jsonText({ subscription, stream, state: 'retry' }) : `${stream} is tried again\n`)
      }),
    )
}

export function notSetAside(subscription: string, stream: Uuid): ConfigurationError {
  return new ConfigurationError(
    `${stream} is not set aside for "${subscription}"`,
    `see what is: biglearn streams parked ${subscription}`,
  )
}
