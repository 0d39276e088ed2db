import type { Split } from '#estimate/sparfa/evaluate.ts'
import type { FitProgress } from '#estimate/sparfa/fit.ts'
import type { PosteriorUse } from '#estimate/sparfa/predict.ts'
import type { KernelName } from '#estimate/sparfa/workspace.ts'
import { type AnswersData, readAnswersData } from './data-set.ts'
import { drawPlots } from './plots.ts'
import { type Model, meansOf, type Row, randomSplits, runProtocol, type Seen } from './protocol.ts'
import { renderChoice, renderMeasure, renderTable, toJsonLine } from './report.ts'
import { type Status, terminalStatus } from './status.ts'
import { tellFailure } from './tell-failure.ts'

/** What `evaluate` and `compare` have in common: read, run the protocol, tell of it on stderr, print on stdout. */
export interface MeasuringFlags {
  readonly split?: Split['kind']
  readonly seeds: readonly number[]
  readonly kernel: KernelName
  readonly posterior: PosteriorUse
  readonly json?: true
  readonly plot?: string
}

export async function measureFile(
  path: string,
  flags: MeasuringFlags,
  modelsFor: (answers: AnswersData) => readonly Model[],
): Promise<void> {
  await tellFailure(async () => {
    const answers = await readAnswersData(path)
    await measureAnswers(answers, flags, modelsFor(answers))
  })
}

async function measureAnswers(answers: AnswersData, flags: MeasuringFlags, models: readonly Model[]): Promise<void> {
  const { data, name } = answers
  const status = terminalStatus(process.stderr)
  const { question, learnerCount, questionCount } = data.responses
  const extent = `${learnerCount} learners, ${questionCount} questions, ${data.conceptCount} concepts`
  status.line(`${name}: ${question.length} first answers, ${extent}`)
  let seen: Seen | undefined
  const rows = runProtocol(data, {
    models,
    splits: splitsOf(flags),
    kernel: flags.kernel,
    posterior: flags.posterior,
    nowMs: () => performance.now(),
    ...tell(status),
    ...(flags.plot === undefined ? {} : { seen: (one: Seen) => (seen = one) }),
  })
  const all = [...rows, ...meansOf(rows)]
  process.stdout.write(flags.json === true ? all.map((row) => `${toJsonLine(row)}\n`).join('') : renderTable(all))
  if (seen === undefined || flags.plot === undefined) return
  for (const file of await drawPlots(flags.plot, answers, seen)) status.line(`wrote ${file}`)
}

function splitsOf({ split, seeds }: MeasuringFlags): Split[] {
  if (split === 'random') return randomSplits(seeds)
  return split === 'future' ? [{ kind: 'future' }] : [...randomSplits(seeds), { kind: 'future' }]
}

function tell(status: Status) {
  let what = ''
  return {
    started: (model: Model, how: Split) => {
      what = `${how.kind} split${how.kind === 'random' ? `, seed ${how.seed}` : ''}: ${model.name}`
      status.now(what)
    },
    progress: (progress: FitProgress) => status.now(`${what}, ${renderProgress(progress)}`),
    finished: (row: Row, matrix: { madeBy: Parameters<typeof renderChoice>[0] } | undefined) => {
      const result = `log-loss ${renderMeasure(row.metrics.logLoss)}, ${row.seconds.toFixed(1)} s`
      status.line(`${what}, ${result}${matrix === undefined ? '' : ` (${renderChoice(matrix.madeBy)})`}`)
    },
  }
}

export function renderProgress({ mask, lamU, epoch, heldOutLogLoss }: FitProgress): string {
  const loss = heldOutLogLoss === undefined ? '' : `, held-out log-loss ${heldOutLogLoss.toFixed(4)}`
  return `${mask} mask, lam_u ${lamU}, epoch ${epoch + 1}${loss}`
}
