import { InvalidArgumentError, Option } from 'commander'
import type { PosteriorUse } from '#estimate/sparfa/predict.ts'
import { bestKernel, requireKernel } from '#estimate/sparfa/wasm.ts'
import type { KernelName } from '#estimate/sparfa/workspace.ts'
import { parseThreads } from '../serve/options.ts'
import type { SparfaPreset } from './protocol.ts'

/** Options that the commands share, and what their help says. */
export const fileHelp = 'CSV, also .gz, with the columns learner,question,concept,correct,order'

export const fileExplanation = `
Columns: learner and question are integers from 0; concept one integer or several joined by ";" (what the question is
said to be about, the same in each of its rows); correct 0 or 1; order sorts a learner's own answers. Of several answers
to a question the first counts. A mistake in the file is told with its line and column.
`

export function presetOption(): Option {
  const presets: readonly SparfaPreset[] = ['auto', 'hard', 'soft', 'soft-strict']
  return new Option(
    '--preset <name>',
    'auto tries penalties and masks and keeps what predicts answers best that it kept back; hard trusts the concepts ' +
      'given; soft looks for others too; soft-strict as soft, with fewer and no general ability',
  )
    .choices(presets)
    .default('auto')
}

/** Refused where the engine lacks what it needs. */
export function kernelOption(): Option {
  return new Option(
    '--kernel <name>',
    'plain or wasm (several numbers at a time): how the loops of a fit are run; the result is the same, bit by bit',
  )
    .default(bestKernel())
    .argParser(kernelName)
}

export function threadsOption(): Option {
  return new Option(
    '--threads <n>',
    'threads that share the fit (default: one for each core, at most 8); the result is the same, bit by bit',
  ).argParser(parseThreads)
}

export function posteriorOption(): Option {
  const uses: readonly PosteriorUse[] = ['averaged', 'likeliest']
  return new Option(
    '--posterior <use>',
    'how SPARFA predicts: averaged over what is uncertain about the learner, or by the likeliest knowledge alone, as ' +
      'CLUEs are made',
  )
    .choices(uses)
    .default('averaged')
}

function kernelName(text: string): KernelName {
  if (text !== 'plain' && text !== 'wasm') throw new InvalidArgumentError('plain or wasm is needed')
  try {
    return requireKernel(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

export const measuresExplanation = `
Measures, on answers no model has seen: accuracy (share right when the more likely outcome is said), AUC (chance that a
right answer was given a higher probability than a wrong one; 0.5 is guessing), log-loss and Brier score (smaller is
better; saying 0.5 always gives 0.693 and 0.25), ECE (how far probabilities lie from shares, in ten bins), seconds to
learn and predict. 1PL and 2PL know one ability per learner; best-LR is a logistic regression on learner, question,
concepts and counts of earlier answers.
`

export function splitOption(): Option {
  return new Option(
    '--split <kind>',
    'random: a fifth of the answers, by hash; future: the last fifth of each learner (default: both)',
  ).choices(['random', 'future'])
}

/** Non-negative integers joined by commas, without repetition. */
export function seedList(text: string): number[] {
  if (!/^\d{1,9}(,\d{1,9})*$/.test(text)) throw new InvalidArgumentError('integers joined by commas are needed')
  const seeds = text.split(',').map(Number)
  if (new Set(seeds).size < seeds.length) throw new InvalidArgumentError('a seed comes twice')
  return seeds
}
