import { createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { type AnswerKind, answerKinds } from '#choose/experiment.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import { openMatrixStore } from '#due/matrix-store.ts'
import { openDeliveredLog } from '#learning/delivered-log.ts'
import { openLearningReader } from '#learning/reader.ts'
import { openStreamReader } from '#log/open.ts'
import { openReaderConnections } from '#platform/postgres.ts'
import { checkDatabase } from '../checked-database.ts'
import { type Progress, terminalProgress } from '../demo/progress.ts'
import { parseKinds, parseTime } from '../experiments/tools.ts'
import { integerFrom } from '../integer.ts'
import { requireDatabaseUrl } from '../serve/options.ts'
import { parseUuids } from '../streams/tools.ts'
import { parseShadowAlgorithm, type ShadowAlgorithm } from './algorithms.ts'
import { shadowPlot } from './plot.ts'
import { drawCourses, type Period, PositionSampler, readCourse } from './positions.ts'
import { type Compared, type Pair, Replay } from './replay.ts'
import { reportOf } from './report.ts'
import { reportLines, reportText, sampleLine } from './report-text.ts'

/* `biglearn shadow`: what another algorithm would have answered, by replay of what was recorded. Changes nothing. */
export interface ShadowFlags {
  readonly algorithm: ShadowAlgorithm
  readonly against: ShadowAlgorithm
  readonly kind: readonly AnswerKind[]
  readonly course?: readonly Uuid[]
  readonly courses: number
  readonly sample: number
  readonly seed: string
  readonly from?: Instant
  readonly to?: Instant
}

interface OutputFlags {
  readonly json?: true
  readonly samples?: string
  readonly plot?: string
}

const againstDefault = 'biglearn_sparfa'
const kindsDefault: readonly AnswerKind[] = ['student_clue', 'pe', 'spe', 'worst_areas']

export function shadowCommand(): Command {
  return new Command('shadow')
    .description('what another algorithm would have answered so far, beside one that did; changes nothing')
    .requiredOption('--algorithm <name>', 'to try: NAME, or NAME@MATRIX (see below)', parseShadowAlgorithm)
    .addOption(
      new Option('--against <name>', 'to compare with')
        .argParser(parseShadowAlgorithm)
        .default(parseShadowAlgorithm(againstDefault), againstDefault),
    )
    .addOption(
      new Option('--kind <kinds>', `a comma list of ${answerKinds.join(', ')}`)
        .argParser(parseKinds)
        .default(kindsDefault, kindsDefault.join(',')),
    )
    .option('--course <uuid>', 'only this course; may be repeated', parseUuids)
    .option('--courses <number>', 'how many courses to draw where none is named', integerFrom(1, 9_999_999), 50)
    .option(
      '--sample <number>',
      'how many answers, and how many assignments, to look at at most',
      integerFrom(1, 9_999_999),
      500,
    )
    .option('--seed <text>', 'what is drawn depends on it alone', '1')
    .option('--from <time>', 'look at what was recorded from then on, such as 2026-09-01T08:00:00Z', parseTime)
    .option('--to <time>', 'and before then', parseTime)
    .option('--json', 'one line of JSON for each row of the report')
    .option('--samples <file>', 'write what both would have answered there, a line of JSON for each position and kind')
    .option('--plot <file>', 'draw the comparison there, as SVG')
    .addHelpText('after', explanation)
    .action((flags: ShadowFlags & OutputFlags) => shadow(flags))
}

const explanation = `
Courses are folded from the log up to positions drawn by the seed, and both algorithms answer there from what was known
then, by the rules that serve clients. CLUEs are of the page and the student of an answer, right before it; so they are
judged by how well they foretell it. Exercises are those for assignments that came with some to choose, and the practice of
worst areas before each answer.

NAME is an algorithm of this program, with the matrix that was in use at each position. biglearn_sparfa@newest takes the
newest one and biglearn_sparfa@UUID a certain one; these may have learnt from the very answers they foretell.

  biglearn shadow --algorithm local_query --sample 2000 --plot shadow.svg
  biglearn shadow --algorithm biglearn_sparfa@newest --course 2f1e…  --kind student_clue --json

The connections are read-only; a copy of the database (DATABASE_URL) will do. docs/research.md explains the report.`

async function shadow(flags: ShadowFlags & OutputFlags): Promise<void> {
  const progress = terminalProgress(process.stderr)
  const compared = await runShadow(requireDatabaseUrl(process.env), flags, progress)
  const labels = [flags.algorithm.label, flags.against.label] as const
  const report = reportOf(compared)
  process.stdout.write(flags.json ? reportLines(report, labels) : reportText(report, labels))
  if (flags.samples !== undefined) {
    const file = createWriteStream(flags.samples)
    for (const one of compared) file.write(sampleLine(one))
    await new Promise((done, failed) => file.on('error', failed).end(done))
    progress.note(`wrote ${flags.samples}`)
  }
  if (flags.plot !== undefined) {
    await writeFile(flags.plot, shadowPlot(compared, labels))
    progress.note(`wrote ${flags.plot}`)
  }
}

export async function runShadow(url: string, flags: ShadowFlags, progress: Progress): Promise<Compared[]> {
  const pool = openReaderConnections(url, {
    name: 'shadow',
    connectionsMax: 4,
    statementTimeoutMs: 60_000,
    isReadOnly: true,
  })
  try {
    await checkDatabase(pool)
    const log = openDeliveredLog(await openStreamReader(pool), pool)
    const reader = openLearningReader(pool)
    const matrixStore = openMatrixStore(pool, { freshMs: 3_600_000, matricesMax: 32 })
    const period: Period = { from: flags.from ?? Number.NEGATIVE_INFINITY, to: flags.to ?? Date.now() }
    const courses = flags.course ?? (await drawCourses(reader, { seed: flags.seed, max: flags.courses }))

    const reading = progress.stage('courses', courses.length)
    const sampler = new PositionSampler(flags.seed, flags.sample, period)
    try {
      for (const course of courses) {
        for (const event of await readCourse(log, course, period.to)) sampler.offer(event)
        reading.advance(1)
      }
    } finally {
      reading.end()
    }
    const { positions, answers, assignments } = sampler.drawn()
    progress.note(
      `${courses.length} courses, ${answers} answers and ${assignments} assignments with exercises to choose`,
    )

    const replaying = progress.stage('positions', positions.length)
    const algorithms: Pair<ShadowAlgorithm> = [flags.algorithm, flags.against]
    const replay = new Replay({ reader, matrixStore }, algorithms, flags.kind)
    const compared: Compared[] = []
    try {
      for (const [course, own] of Map.groupBy(positions, (position) => position.course)) {
        const compare = replay.course(course, await readCourse(log, course, period.to))
        for (const position of own) {
          compared.push(...(await compare(position)))
          replaying.advance(1)
        }
      }
    } finally {
      replaying.end()
    }
    return compared
  } finally {
    await pool.end()
  }
}
