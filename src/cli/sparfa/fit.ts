import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { FitThreads, threadsFor } from '#due/block-threads.ts'
import type { FitOptions, FitProgress } from '#estimate/sparfa/fit.ts'
import { storeMatrix } from '#estimate/sparfa/matrix.ts'
import type { KernelName } from '#estimate/sparfa/workspace.ts'
import { integerFrom } from '../integer.ts'
import { readAnswersData, wholeInput } from './data-set.ts'
import { renderProgress } from './measuring.ts'
import { fileExplanation, fileHelp, kernelOption, presetOption, threadsOption } from './options.ts'
import { drawPlots } from './plots.ts'
import type { SparfaPreset } from './protocol.ts'
import { renderMatrix } from './report.ts'
import { terminalStatus } from './status.ts'
import { tellFailure } from './tell-failure.ts'

/** `biglearn sparfa fit`: one matrix from all answers of a file, as the trainer would store it. */
interface FitFlags {
  readonly preset: SparfaPreset
  readonly seed: number
  readonly kernel: KernelName
  readonly threads?: number
  readonly out?: string
  readonly plot?: string
}

export function fitCommand(): Command {
  return new Command('fit')
    .description('learn one matrix from all answers and tell how it was made')
    .argument('<file>', fileHelp)
    .addOption(presetOption())
    .addOption(kernelOption())
    .addOption(threadsOption())
    .option(
      '--seed <number>',
      'which answers are kept back to decide when to stop; the same seed, the same matrix',
      integerFrom(0),
      1,
    )
    .option('--out <file>', 'write the matrix as JSON, in the form the server stores and hands out')
    .option('--plot <folder>', 'write SVG there: the fit by epochs, CLUEs of some learners over time')
    .addHelpText('after', `${fileExplanation}${storedExplanation}`)
    .action(fit)
}

const storedExplanation = `
The JSON holds Q_ids and C_ids (uuids that end in the file's number, in hexadecimal), d_data (easiness of each question),
W and H_mask as triplets (row = concept, column = question) and made_by (preset, penalties, seed, why it stopped).
`

async function fit(file: string, flags: FitFlags): Promise<void> {
  await tellFailure(async () => {
    await using threads = new FitThreads({ threads: flags.threads ?? threadsFor() })
    const answers = await readAnswersData(file)
    const input = wholeInput(answers)
    const epochs: FitProgress[] = []
    const status = terminalStatus(process.stderr)
    const startedMs = performance.now()
    const options: FitOptions = {
      preset: flags.preset,
      seed: flags.seed,
      kernel: flags.kernel,
      followsTraining: flags.plot !== undefined,
      onProgress: (progress) => {
        epochs.push(progress)
        status.now(renderProgress(progress))
      },
    }
    const matrix = await threads.fit(input, options)
    status.line(`${file}: ${input.responses.question.length} first answers`)
    process.stdout.write(renderMatrix(matrix, (performance.now() - startedMs) / 1000))
    if (flags.out !== undefined) {
      await writeFile(flags.out, `${JSON.stringify(storeMatrix(matrix))}\n`)
      status.line(`wrote ${flags.out}`)
    }
    const pictures = flags.plot === undefined ? [] : await drawPlots(flags.plot, answers, { matrix, epochs })
    for (const picture of pictures) status.line(`wrote ${picture}`)
  })
}
