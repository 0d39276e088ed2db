import type { Command } from 'commander'
import { pauseSubscription, resumeSubscription } from '#crew/control.ts'
import { jsonText } from './table.ts'
import { type DeedOptions, deed, reasonOf, requireSubscription, type StreamsTools, withStreams } from './tools.ts'

/* `biglearn streams pause|resume NAME`. */
export function pauseCommand(tools: StreamsTools): Command {
  return switchCommand(tools, 'pause', 'stop a subscription; its processes give their slots back and wait').addHelpText(
    'after',
    '\nNothing is lost and appends go on. While `learning` is paused, estimates and picks stay as they are.',
  )
}

export function resumeCommand(tools: StreamsTools): Command {
  return switchCommand(tools, 'resume', 'let a paused subscription go on from where it stopped')
}

function switchCommand(tools: StreamsTools, name: 'pause' | 'resume', description: string): Command {
  const change = name === 'pause' ? pauseSubscription : resumeSubscription
  return deed(name, description)
    .argument('<name>', 'of the subscription')
    .action((subscription: string, options: DeedOptions) =>
      withStreams(tools, async ({ pool }) => {
        await requireSubscription(pool, subscription)
        await change(pool, { subscription, ...reasonOf(options) })
        const state = name === 'pause' ? 'paused' : 'running'
        tools.write(options.json ? jsonText({ subscription, state }) : `${subscription} is ${state}\n`)
      }),
    )
}
