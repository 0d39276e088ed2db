import type { Command } from 'commander'
import { readLags } from '#crew/progress.ts'
import { deleteSubscription, listSubscriptions } from '#crew/subscriptions.ts'
import { ConfigurationError } from '#platform/config.ts'
import { jsonText } from './table.ts'
import { type DeedOptions, deed, reasonOf, requireSubscription, type StreamsTools, withStreams } from './tools.ts'

/* `biglearn streams delete NAME`: the place of a program that will not come back. */
export function deleteCommand(tools: StreamsTools): Command {
  return deed('delete', 'forget a remote subscription: its place in the log, and what is set aside for it')
    .argument('<name>', 'of the subscription')
    .option('--yes', 'delete it; without, the command says what would be lost and changes nothing')
    .addHelpText(
      'after',
      `
There is no way back: created again under its name, it starts anew. Instances that still run get 404 from then on. The log,
the events that were skipped for it, and the audit stay. To let it wait, use "pause".`,
    )
    .action((subscription: string, options: DeedOptions & { readonly yes?: true }) =>
      withStreams(tools, async ({ pool, log }) => {
        if ((await requireSubscription(pool, subscription)) === 'embedded') {
          throw new ConfigurationError(
            `"${subscription}" is the server's own; begun anew, its effects would be made twice`,
            'to stop it: biglearn streams pause; to fold its read models again: biglearn rebuild',
          )
        }
        if (!options.yes) {
          const members = (await listSubscriptions(pool)).find(({ name }) => name === subscription)?.members ?? []
          const lag = (await readLags(pool, log)).find(({ name }) => name === subscription)
          const running = members.filter(({ isLive }) => isLive).length
          const counts = `running instances: ${running}, behind: ${lag?.behind ?? 0n}, set aside: ${lag?.exceptions ?? 0}`
          throw new ConfigurationError(`"${subscription}" would be forgotten (${counts})`, 'add --yes to delete it')
        }
        await deleteSubscription(pool, { subscription, ...reasonOf(options) })
        tools.write(options.json ? jsonText({ subscription, state: 'deleted' }) : `${subscription} is deleted\n`)
      }),
    )
}
