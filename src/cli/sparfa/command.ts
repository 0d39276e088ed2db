import { Command } from 'commander'
import { compareCommand } from './compare.ts'
import { evaluateCommand } from './evaluate.ts'
import { fitCommand } from './fit.ts'

/** `biglearn sparfa`: the numerics alone, on a file of answers; no server and no database. */
export function sparfaCommand(): Command {
  return new Command('sparfa')
    .description(
      'fit and judge mastery estimates on a file of answers, as the server would make them; needs no database',
    )
    .addCommand(evaluateCommand())
    .addCommand(compareCommand())
    .addCommand(fitCommand())
}
