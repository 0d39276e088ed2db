import { Command } from 'commander'
import { endCommand, reweighCommand } from './change.ts'
import { createCommand } from './create.ts'
import { exportCommand } from './export.ts'
import { listCommand, showCommand } from './show.ts'
import { type ExperimentTools, processTools } from './tools.ts'

/** `biglearn experiments …`: which algorithm answers whom, on the database at DATABASE_URL. */
export function experimentsCommand(tools: ExperimentTools = processTools): Command {
  const experiments = new Command('experiments')
    .description('compare algorithms on courses or students that ask for the algorithm "assigned"')
    .addHelpText(
      'after',
      `
An experiment gives each course (or student) one of several algorithms, its arm, by weight and seed. It decides for
clients that put "assigned" in algorithm_name; a name in a request is honoured, so nobody is in an experiment unasked.
The arm is recorded when it is first asked for and never changes afterwards.

  biglearn experiments create autumn --unit course --kind student_clue,pe,spe \\
      --arm biglearn_sparfa=1 --arm local_query=1 --ends 2026-12-20T00:00:00Z
  biglearn experiments show autumn
  biglearn experiments export autumn > units.csv

To see what another algorithm would have answered without giving it to anybody, use "biglearn shadow".
docs/research.md tells more.`,
    )
  const commands = [createCommand, listCommand, showCommand, reweighCommand, endCommand, exportCommand]
  for (const command of commands) experiments.addCommand(command(tools))
  return experiments
}
