import { type Command, InvalidArgumentError } from 'commander'
import { decideLane } from '#crew/lanes.ts'
import type { Uuid } from '#domain/ids.ts'
import { type LanePolicy, lanePolicies, parseLanePolicy } from '#log/lane-policy.ts'
import { jsonText } from './table.ts'
import {
  type DeedOptions,
  deed,
  type KindOptions,
  parseUuid,
  reasonOf,
  requireStream,
  type StreamsTools,
  withKind,
  withStreams,
} from './tools.ts'

/* `biglearn streams lane COURSE POLICY`: whether a course has a lane of its own. */
export function laneCommand(tools: StreamsTools): Command {
  return withKind(deed('lane', 'decide whether a course gets a lane of its own, or leave that to its rate'))
    .argument('<course>', 'uuid of the course', parseUuid)
    .argument('<policy>', lanePolicies, parsePolicy)
    .addHelpText(
      'after',
      `
Events of many courses share a lane, and each subscription reads a lane in order. A very busy course in it makes the
others wait; in a lane of its own it has its own place in every subscription, and may have its own process.

  auto       (what all have until somebody decides) an own lane above 50 events/s, or above 10 events/s and a quarter
             of its part's traffic, for a minute; back after half an hour below 10 events/s
  dedicated  an own lane from its next event on
  dedicated:4  the same, and subscriptions to which the order of each student's events is enough read it through 4
             slots, on up to 4 processes, each for a quarter of the students; what concerns the whole course waits for
             all of them. Other subscriptions, and all of other programs, read it as "dedicated".
  shared     none from its next event on

The change is safe at any time: order is kept for every subscription, because a run in the new lane waits for the one
before it in the old lane. At most 16 courses of a part have own lanes. See who has one: biglearn streams lanes.

  biglearn streams lane 0b1c… dedicated --reason 'opens for 100,000 students on Monday'`,
    )
    .action((stream: Uuid, policy: LanePolicy, options: DeedOptions & KindOptions) =>
      withStreams(tools, async ({ pool, log }) => {
        const { kind, json } = options
        await requireStream(log, kind, stream)
        const { part, lane } = await decideLane({ pool, source: log }, { kind, stream, policy }, reasonOf(options))
        const where = lane === 0 ? 'shares lane 0' : `has lane ${lane}`
        tools.write(
          json ? jsonText({ stream, policy, part, lane }) : `${stream} is ${policy} and ${where} of part ${part}\n`,
        )
      }),
    )
}

function parsePolicy(text: string): LanePolicy {
  const policy = parseLanePolicy(text)
  if (policy === undefined) throw new InvalidArgumentError(`must be ${lanePolicies}.`)
  return policy
}
