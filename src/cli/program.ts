import { Command } from 'commander'
import { demoCommand } from './demo/command.ts'
import { experimentsCommand } from './experiments/command.ts'
import { migrateCommand } from './migrate.ts'
import { rebuildCommand } from './rebuild.ts'
import { receiptCommand } from './receipt.ts'
import { serveCommand } from './serve/command.ts'
import { shadowCommand } from './shadow/command.ts'
import { sparfaCommand } from './sparfa/command.ts'
import { startCommand } from './start.ts'
import { streamsCommand } from './streams/command.ts'

/** Everything `biglearn` can be told. */
export function createProgram(): Command {
  const program = new Command('biglearn').description(
    'Adaptive-learning backend: takes books, courses and answers as numbered events, gives mastery estimates (CLUEs)\n' +
      'with intervals and the exercises to give next. `start` is for trying it, `migrate` and `serve` for running it.',
  )
  const commands = [
    startCommand(),
    serveCommand(),
    migrateCommand(),
    rebuildCommand(),
    receiptCommand(),
    streamsCommand(),
    experimentsCommand(),
    shadowCommand(),
    demoCommand(),
    sparfaCommand(),
  ]
  for (const command of commands) program.addCommand(command)
  for (const one of [program, ...commands, ...commands.flatMap((command) => command.commands)]) {
    one.showHelpAfterError('(run with --help for the options)')
  }
  return program
}
