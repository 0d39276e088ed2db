import type { Command } from 'commander'
import { replayStream, resetSubscription } from '#crew/control.ts'
import type { Uuid } from '#domain/ids.ts'
import { ConfigurationError } from '#platform/config.ts'
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

/* `biglearn streams replay NAME [COURSE]`: events once more, to a consumer that lost what it had made of them. */
export function replayCommand(tools: StreamsTools): Command {
  return withKind(deed('replay', 'deliver events once more to a remote subscription: of one stream, or all'))
    .argument('<name>', 'of the subscription')
    .argument('[course]', 'uuid of one course; absent: everything since the beginning', parseUuid)
    .option('--from <number>', 'first number of the course to deliver', parseNumber, 0)
    .addHelpText(
      'after',
      `
One stream is replayed beside its lane, and the others go on. Without a course every instance loses its slots and all
lanes begin again at the first event. Subscriptions of the server itself are not replayed but rebuilt: biglearn rebuild.`,
    )
    .action((subscription: string, stream: Uuid | undefined, options: ReplayOptions, command: Command) => {
      if (stream === undefined) refuseOptionsOfOneStream(command)
      return withStreams(tools, async ({ pool, log }) => {
        const mode = await requireSubscription(pool, subscription)
        if (mode === 'embedded') {
          throw new ConfigurationError(
            `"${subscription}" is the server's own; its effects can not be made twice`,
            'fold its read models again from the log: biglearn rebuild',
          )
        }
        const what = { subscription, ...reasonOf(options) }
        if (stream === undefined) await resetSubscription(pool, what, new Map())
        else if (!(await replayStream(pool, log, what, { kind: options.kind, stream }, options.from))) {
          throw new ConfigurationError(
            `${stream} is set aside already, or has nothing from ${options.from} on`,
            `look: biglearn streams parked ${subscription}, biglearn streams status ${stream}`,
          )
        }
        const from = stream === undefined ? 'everything' : `${stream} from ${options.from}`
        tools.write(
          options.json
            ? jsonText({ subscription, stream: stream ?? null, from: options.from })
            : `${subscription} gets ${from} again\n`,
        )
      })
    })
}

/** Whoever forgot the course must not reset everything. */
function refuseOptionsOfOneStream(command: Command): void {
  const given = ['from', 'kind'].find((name) => command.getOptionValueSource(name) === 'cli')
  if (given === undefined) return
  throw new ConfigurationError(
    `--${given} is about one stream, and none is named`,
    `name its uuid after the subscription, or leave --${given} out to replay everything`,
  )
}

interface ReplayOptions extends DeedOptions, KindOptions {
  readonly from: number
}
