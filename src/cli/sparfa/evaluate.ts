import { Command } from 'commander'
import { type MeasuringFlags, measureFile } from './measuring.ts'
import {
  fileExplanation,
  fileHelp,
  kernelOption,
  measuresExplanation,
  posteriorOption,
  presetOption,
  seedList,
  splitOption,
} from './options.ts'
import { baselineModels, type SparfaPreset } from './protocol.ts'

/** `biglearn sparfa evaluate`: how well answers that were kept out are predicted, beside three baselines. */
export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('learn from four fifths of the answers, predict the rest, and measure; three baselines beside it')
    .argument('<file>', fileHelp)
    .addOption(presetOption())
    .addOption(splitOption())
    .addOption(posteriorOption())
    .addOption(kernelOption())
    .option('--seeds <list>', 'of the random split and of its fits', seedList, [1, 2, 3])
    .option('--json', 'one line of JSON for each row and mean')
    .option(
      '--plot <folder>',
      'write SVG there: the first fit by epochs, reliability, CLUEs of some learners over time',
    )
    .addHelpText('after', `${fileExplanation}${measuresExplanation}${example}`)
    .action((file: string, flags: MeasuringFlags & { readonly preset: SparfaPreset }) =>
      measureFile(file, flags, () => [{ name: flags.preset, preset: flags.preset }, ...baselineModels]),
    )
}

const example = `
Example:
  biglearn sparfa evaluate answers.csv.gz --split random --seeds 1 --plot pictures
`
