import { Command } from 'commander'
import { type MeasuringFlags, measureFile } from './measuring.ts'
import {
  fileExplanation,
  fileHelp,
  kernelOption,
  measuresExplanation,
  posteriorOption,
  seedList,
  splitOption,
} from './options.ts'
import { affordableModels, baselineModels } from './protocol.ts'

/** `biglearn sparfa compare`: every preset and every baseline on the same splits. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('as evaluate, for every preset; those with a soft mask only where they cost minutes, not hours')
    .argument('<file>', fileHelp)
    .addOption(splitOption())
    .addOption(posteriorOption())
    .addOption(kernelOption())
    .option('--seeds <list>', 'of the random split and of its fits', seedList, [1, 2, 3])
    .option('--json', 'one line of JSON for each row and mean')
    .addHelpText('after', `${fileExplanation}${measuresExplanation}`)
    .action((file: string, flags: MeasuringFlags) =>
      measureFile(file, flags, ({ data }) => [...affordableModels(data), ...baselineModels]),
    )
}
