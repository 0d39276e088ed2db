import { Command, InvalidArgumentError } from 'commander'
import { onSignal } from '#platform/shutdown.ts'
import { append } from './append.ts'
import { clues } from './clues.ts'
import { due } from './due.ts'
import { eightLive } from './eight-live.ts'
import { http } from './http.ts'
import { ingest, ingestShapes } from './ingest.ts'
import { lanes } from './lanes.ts'
import { peers } from './peers.ts'
import { picks, picksShapes } from './picks.ts'
import { picksLayouts } from './picks-assignments.ts'
import { projection } from './projection.ts'
import { replay } from './replay.ts'
import { soak, soakDefaults } from './soak.ts'
import { sparfa } from './sparfa.ts'
import { printLine } from './support/figures.ts'
import { removeLeftovers } from './support/product.ts'
import { takeover } from './takeover.ts'

/*
 * `npm run bench -- NAME`: one JSON line per shape on standard output, progress on standard error. A benchmark that
 * finds its own result wrong prints no figure and exits 1.
 */
function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('must be a number greater than 0')
  return value
}

function atLeastTwo(text: string): number {
  if (Number(text) >= 2) return Number(text)
  throw new InvalidArgumentError('must be 2 or more')
}

const soakHelp = `
Two programs (api,learning) store what is sent, on a durable database of its own; a request is repeated until it is
acknowledged. Every so often one of these happens, drawn from the seed: a consumer is killed or frozen for eight seconds,
a program is killed, five database sessions are ended. What was killed is started again. The first program and the first
consumer are left alone; their memory is compared over time.

It fails when an acknowledged answer is missing, stored twice, out of order, or took effect or was learnt not exactly
once. Otherwise it prints one JSON line:
  worst_gap_between_acknowledgements_ms   the longest time in which no request was acknowledged
  visible_ms                              from stored to taken effect, away from kills; visible_ms_near_kills the others
  writes_per_second, fsyncs_per_second    of PostgreSQL (pg_stat_io)
  resident_mb                             of a program and a consumer, mean of the first and of the last tenth

Half an hour stores about 5.4 million answers, 2 GB with the WAL, in a folder .bench-… that is removed at the end.
Progress goes to standard error every ten seconds; Ctrl-C ends it and removes everything.

  npm run soak -- --minutes 30
  npm run soak -- --minutes 2 --kill-every-seconds 5 --seed 7`

const program = new Command('bench').description('Measures the product beside a yardstick, on a durable database.')

function bench(name: string, description: string, seeded: string): Command {
  const command = program.command(name).description(description)
  return command.option('--seed <n>', `seed of the ${seeded}`, positive, 1)
}

bench(
  'ingest',
  'durable HTTP record_responses beside COPY of the same answers and an echo of the same bodies',
  'answers',
)
  .option('--seconds <n>', 'measured time per shape', positive, 10)
  .option('--shape <name>', `one of ${ingestShapes.join(', ')}, or all`, 'one_course')
  .option('--roles <list>', 'roles of the measured server', 'api')
  .option('--processes <n>', 'API processes; connections take them in turn', positive, 1)
  .option('--answers-per-second <n>', 'a fixed rate instead of as fast as possible: p99 and share of the CPU', positive)
  .option('--steady', 'preload, then measure over two checkpoints with autovacuum, beside a fresh log', false)
  .option('--preload <n>', 'answers to preload', positive, 10_000_000)
  .option('--preload-seconds <n>', 'at most; the line says how far it came', positive, 900)
  .option('--checkpoint-seconds <n>', 'time between checkpoints, 30 at least', positive, 300)
  .action((options) => ingest({ ...options, shapes: options.shape === 'all' ? ingestShapes : [options.shape] }))

bench('append', 'the log without HTTP: appends, then all lanes read back, beside COPY of the same answers', 'answers')
  .option('--answers <n>', 'answers per shape', positive, 200_000)
  .action((options) => append(options))

bench('clues', 'fetch_student_clues for students with 300 answers, and freshness while others answer', 'class')
  .option('--rate <n>', 'answers a second while freshness is measured', positive, 3000)
  .option('--seconds <n>', 'measured time of each part', positive, 10)
  .action((options) => clues(options))

bench('due', 'what remote algorithms wait for when they ask for work, on generated read models', 'courses')
  .option('--students <n>', 'enrolled students', positive, 1_000_000)
  .option('--answers <n>', 'answers of all students together', positive, 20_000_000)
  .option('--seconds <n>', 'measured time of each shape', positive, 15)
  .action((options) => due(options))

bench('http', 'what checking costs record_responses, and how fast one client reads course events', 'answers')
  .option('--seconds <n>', 'measured time of each way to record', positive, 3)
  .option('--events <n>', 'events to read', positive, 300_000)
  .action((options) => http(options))

bench(
  'lanes',
  '5,000 small courses alone, and beside one very busy course in its own lane and in the shared one',
  'courses',
)
  .option('--seconds <n>', 'measured time of each part', positive, 10)
  .option('--hot-rate <n>', 'events a second of the busy course', positive, 2000)
  .option('--small-rate <n>', 'events a second of the small ones together', positive, 500)
  .action((options) => lanes(options))

bench('peers', 'ingest beside message-db, Emmett and pg-boss, and COPY, on the same server', 'answers')
  .option('--seconds <n>', 'measured time of each', positive, 10)
  .action((options) => peers(options))

bench('picks', 'personalised and spaced exercises at a fixed rate, and CLUEs of a class of 300', 'class')
  .option('--seconds <n>', 'measured time of the picks', positive, 8)
  .option('--warm-up <n>', 'seconds of the same before', positive, 15)
  .option('--rate <n>', 'fetches of exercises a second', positive, 200)
  .option('--layout <name>', `of the processes, one of ${picksLayouts.join(', ')}; all when absent`)
  .option('--shape <name>', `one of ${picksShapes.join(', ')}; all when absent`)
  .action((options) => picks({ ...options, shapes: options.shape === undefined ? picksShapes : [options.shape] }))

bench('projection', 'folding answers into the read models beside COPY of the same answers', 'answers')
  .option('--answers <n>', 'answers per shape', positive, 200_000)
  .action((options) => projection(options))

bench('sparfa', 'fitting a million planted answers beside numpy; estimates and rankings of single learners', 'answers')
  .option('--reference <folder>', 'folder of bench_numpy.py', '../shared/reference')
  .action((options) => sparfa(options))

bench(
  'replay',
  'a subscription from the beginning, in order, checked and confirmed, beside COPY OUT of the same answers',
  'answers',
)
  .option('--shape <name>', 'from_beginning, or eight_live: eight subscriptions that follow 3,000 answers/s')
  .option('--answers <n>', 'answers in the log', positive, 400_000)
  .option('--run <n>', 'answers of one course in one append', positive, 10)
  .option('--seconds <n>', 'measured time of eight_live', positive, 10)
  .action((options) => (options.shape === 'eight_live' ? eightLive(options) : replay(options)))

bench(
  'takeover',
  'how long 256 slots wait when a process joins, leaves, or is killed; what idle heartbeats write',
  'answers',
)
  .option('--rounds <n>', 'times each', positive, 20)
  .option('--answers-per-second <n>', 'load through the log meanwhile', positive, 1000)
  .option('--idle-seconds <n>', 'measured time of ten idle members', positive, 20)
  .action((options) => takeover(options))

bench(
  'soak',
  'everything at once for a long time, while something is killed every so often',
  'answers and of what is killed',
)
  .option('--minutes <n>', 'how long', positive, soakDefaults.minutes)
  .option('--answers-per-second <n>', 'over HTTP, ten courses a request', positive, soakDefaults.answersPerSecond)
  .option('--courses <n>', 'which take turns', positive, soakDefaults.courses)
  .option(
    '--consumers <n>',
    'processes that share the 64 slots of one subscription',
    atLeastTwo,
    soakDefaults.consumers,
  )
  .option('--kill-every-seconds <n>', 'one at random', positive, soakDefaults.killEverySeconds)
  .addHelpText('after', soakHelp)
  .action(async (options) => {
    const interrupting = new AbortController()
    onSignal(
      () => interrupting.abort(),
      () => process.exit(130),
    )
    printLine(await soak({ ...options, interrupted: interrupting.signal }))
  })

let isInterrupted = false
program.hook('preAction', (_, command) => {
  // Ends by itself, and prints what it saw.
  if (command.name() === 'soak') return
  onSignal(
    async () => {
      isInterrupted = true
      process.stderr.write('bench: interrupted, removing what it started\n')
      await removeLeftovers()
      process.exit(130)
    },
    () => process.exit(130),
  )
})

program.parseAsync().catch((error: unknown) => {
  if (isInterrupted) return
  process.stderr.write(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
})
