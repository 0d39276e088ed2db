import { Command } from 'commander'
import { blockedCommand } from './blocked.ts'
import { deleteCommand } from './delete.ts'
import { laneCommand } from './lane.ts'
import { lanesCommand } from './lanes.ts'
import { parkedCommand } from './parked.ts'
import { pauseCommand, resumeCommand } from './pause.ts'
import { repairCommand } from './repair.ts'
import { replayCommand } from './replay.ts'
import { retryCommand } from './retry.ts'
import { skipCommand } from './skip.ts'
import { statusCommand } from './status.ts'
import { subscriptionsCommand } from './subscriptions.ts'
import { processTools, type StreamsTools } from './tools.ts'

/** `biglearn streams …`: looks after streams with gaps and after subscriptions, on the database at DATABASE_URL. */
export function streamsCommand(tools: StreamsTools = processTools): Command {
  const streams = new Command('streams')
    .description('look after gaps in streams, and after those who read them, on the database at DATABASE_URL')
    .addHelpText(
      'after',
      `
Where to begin: "blocked" for courses whose events do not arrive, "subscriptions" for readers that fall behind, "parked"
for courses that a reader could not follow, "lanes" for very busy courses. Commands that change something ask for
--reason and leave a line in the audit. docs/operations/streams.md tells what to do when.`,
    )
  const commands = [
    statusCommand(tools),
    blockedCommand(tools),
    repairCommand(tools),
    subscriptionsCommand(tools),
    pauseCommand(tools),
    resumeCommand(tools),
    deleteCommand(tools),
    parkedCommand(tools),
    retryCommand(tools),
    skipCommand(tools),
    replayCommand(tools),
    lanesCommand(tools),
    laneCommand(tools),
  ]
  for (const command of commands) streams.addCommand(command)
  return streams
}
