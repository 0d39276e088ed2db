import type { Command } from 'commander'
import type pg from 'pg'
import { listSetAside, type SetAsideStream } from '#crew/control.ts'
import { readLags, type SubscriptionLag } from '#crew/progress.ts'
import { type LaneOwner, readLaneOwners } from '#log/lane-balance.ts'
import type { BlockedStream } from '#log/log.ts'
import { ageText, jsonText, tableText } from './table.ts'
import { type Shown, type StreamsTools, showing, withStreams } from './tools.ts'

/* `biglearn streams lanes`: which courses have own lanes, and how far each subscription is in them. */
export function lanesCommand(tools: StreamsTools): Command {
  return showing('lanes', 'courses with a lane of their own, busy ones, and how far each subscription is in each lane')
    .addHelpText(
      'after',
      `
"lane" 0 is the one that the courses of a part share. "events/s" is a moving average over a minute, shown from 1 on.
The second table has the lanes that a subscription has not confirmed to the end, and those that nobody works on. Below are
the first courses that miss numbers ("blocked" has all) and that a reader could not follow ("parked" has all). Change where
a course goes: "lane". A lane that is "dedicated:4" has four lines in subscriptions that read it through four slots.`,
    )
    .action(({ json }: Shown) =>
      withStreams(tools, async ({ pool, log }) => {
        const owners = await readLaneOwners(pool)
        const lags = await readLags(pool, log)
        const blocked = await log.blockedStreams(linesMax)
        const setAside = (await Promise.all(lags.map(({ name }) => asideOf(pool, name)))).flat()
        const courses = { courses: owners, blocked, setAside }
        if (json) return tools.write(jsonText({ ...courses, subscriptions: lags.map(slotsOf) }))
        tools.write(owners.length === 0 ? 'every course shares a lane, and none is busy\n' : ownersText(owners))
        tools.write(`\n${slotsText(lags)}`)
        if (blocked.length > 0) tools.write(`\n${blockedText(blocked)}`)
        if (setAside.length > 0) tools.write(`\n${asideText(setAside)}`)
      }),
    )
}

const linesMax = 10

interface AsideLine extends SetAsideStream {
  readonly subscription: string
}

async function asideOf(pool: pg.Pool, subscription: string): Promise<AsideLine[]> {
  return (await listSetAside(pool, subscription, linesMax)).map((stream) => ({ subscription, ...stream }))
}

function blockedText(blocked: readonly BlockedStream[]): string {
  const rows = blocked.map(({ stream, contiguousSequenceNumber, blockedSince }) => {
    return [stream, contiguousSequenceNumber, ageText(Date.now() - blockedSince.getTime())]
  })
  return tableText(['blocked', 'first missing', 'waits for'], rows)
}

function asideText(streams: readonly AsideLine[]): string {
  const rows = streams.map(({ subscription, stream, state, nextNumber, error, awaited }) => [
    ...[stream, subscription, state, nextNumber],
    (error?.split('\n')[0] ?? (awaited === undefined ? '-' : `waits for ${awaited}`)).slice(0, 80),
  ])
  return tableText(['set aside', 'subscription', 'state', 'at', 'why'], rows)
}

function ownersText(owners: readonly LaneOwner[]): string {
  const rows = owners.map(({ part, lane, stream, policy, eventsPerSecond }) => [
    ...[String(part), String(lane), stream, policy, eventsPerSecond?.toFixed(1) ?? '-'],
  ])
  return tableText(['part', 'lane', 'course', 'policy', 'events/s'], rows)
}

function slotsOf({ name, isPaused, slots }: SubscriptionLag) {
  const lines = slots.map(({ part, lane, share, shares, owner, epoch, position, head, behind, exceptions }) => {
    return { part, lane, share, shares, owner: owner ?? null, epoch, position, head, behind, setAside: exceptions }
  })
  return { name, isPaused, slots: lines }
}

function slotsText(lags: readonly SubscriptionLag[]): string {
  const rows = lags.flatMap(({ name, slots }) =>
    slots
      .filter(({ behind, owner, exceptions }) => behind > 0n || owner === undefined || exceptions > 0)
      .map(({ part, lane, share, shares, owner, behind, oldestAt, exceptions }) => [
        ...[name, String(part), shares === 1 ? String(lane) : `${lane} (${share + 1} of ${shares})`],
        ...[owner ?? 'nobody', behind],
        ...[oldestAt === undefined ? '-' : ageText(Date.now() - oldestAt.getTime()), exceptions],
      ]),
  )
  if (rows.length === 0) return 'every subscription has confirmed every lane to its end\n'
  return tableText(['subscription', 'part', 'lane', 'owner', 'behind', 'oldest', 'set aside'], rows)
}
