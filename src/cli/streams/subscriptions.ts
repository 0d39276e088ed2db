import type { Command } from 'commander'
import { readLags } from '#crew/progress.ts'
import { listSubscriptions } from '#crew/subscriptions.ts'
import { ageText, jsonText, tableText } from './table.ts'
import { type Shown, type StreamsTools, showing, withStreams } from './tools.ts'

/* `biglearn streams subscriptions`: who reads, how far behind, and who owns what. */
export function subscriptionsCommand(tools: StreamsTools): Command {
  return showing('subscriptions', 'who reads the log, how far behind they are, and which processes share the work')
    .addHelpText(
      'after',
      `
"behind" counts entries that are not confirmed, "oldest" is how long the first of them has been readable. "set aside"
are streams that do not follow their lane (see "parked"); they do not count as behind.`,
    )
    .action(({ json }: Shown) =>
      withStreams(tools, async ({ pool, log }) => {
        const known = await listSubscriptions(pool)
        const lags = new Map((await readLags(pool, log)).map((lag) => [lag.name, lag]))
        const lines = known.map(({ name, mode, isPaused, members }) => {
          const lag = lags.get(name)
          const slots = lag?.slots ?? []
          return {
            ...{ name, mode, isPaused },
            behind: lag?.behind ?? 0n,
            oldestAgeMs: lag?.oldestAgeMs ?? 0,
            setAside: lag?.exceptions ?? 0,
            slots: slots.length,
            unownedSlots: slots.filter(({ owner }) => owner === undefined).length,
            members: members.filter(({ isLive }) => isLive),
          }
        })
        if (json) return tools.write(jsonText(lines))
        if (lines.length === 0) return tools.write('there are no subscriptions\n')
        const rows = lines.map((line) => [
          ...[line.name, line.mode, line.isPaused ? 'paused' : 'running', line.behind, ageText(line.oldestAgeMs)],
          ...[line.setAside, line.slots, line.unownedSlots, line.members.length],
        ])
        const headings = ['name', 'mode', 'state', 'behind', 'oldest', 'set aside', 'slots', 'unowned', 'members']
        tools.write(tableText(headings, rows))
        const members = lines.flatMap(({ name, members: live }) =>
          live.map(({ member, slots, build, startedAt }) => [name, member, slots, build, startedAt.toISOString()]),
        )
        if (members.length === 0) return
        tools.write(`\n${tableText(['subscription', 'member', 'slots', 'build', 'started'], members)}`)
      }),
    )
}
