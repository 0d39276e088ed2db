import { Command, InvalidArgumentError } from 'commander'
import { RequestGivenUp } from '#client/errors.ts'
import { readTokens } from '#platform/config.ts'
import { integerFrom } from '../integer.ts'
import { terminalProgress } from './progress.ts'
import { renderReport } from './report.ts'
import { runDemo } from './run.ts'

/** `biglearn demo`: fills a running server with a class and shows what it makes of it. */
interface DemoFlags {
  readonly url: string
  readonly token?: string
  readonly sparfaToken?: string
  readonly operatorToken?: string
  readonly seed: number
  readonly students?: number
  readonly answers?: string
  readonly wait: number
  readonly json?: true
}

const demoUrlDefault = 'http://127.0.0.1:8080'

export function demoCommand(): Command {
  return new Command('demo')
    .description('play a learning platform: send a class (simulated, or a file of answers), then read CLUEs and picks')
    .option('--url <url>', 'address of the server', httpUrl, process.env['BIGLEARN_URL'] ?? demoUrlDefault)
    .option('--token <secret>', 'producer token (default: BIGLEARN_API_TOKEN)')
    .option('--sparfa-token <secret>', 'token for matrices (default: BIGLEARN_SPARFA_TOKEN)')
    .option('--operator-token <secret>', 'token for the status (default: BIGLEARN_OPERATOR_TOKEN)')
    .option('--answers <file>', 'CSV, also .gz, with the columns learner,question,concept,correct,order')
    .option('--students <count>', 'size of the simulated class, or the first so many of the file', integerFrom(1))
    .option('--seed <number>', 'of the simulated class and of all uuids', integerFrom(0), 1)
    .option('--wait <seconds>', 'how long the server may take to learn', integerFrom(0), 300)
    .option('--json', 'print the report as JSON')
    .action(demo)
}

async function demo(flags: DemoFlags): Promise<void> {
  try {
    // Lists, so that a token can be changed without a break: any one of them will do.
    const configured = readTokens(process.env)
    const report = await runDemo({
      url: flags.url,
      tokens: {
        api: flags.token ?? configured.api[0],
        sparfa: flags.sparfaToken ?? configured.sparfa[0],
        operator: flags.operatorToken ?? configured.operator[0],
      },
      seed: flags.seed,
      learnMsMax: flags.wait * 1000,
      progress: terminalProgress(process.stderr),
      ...(flags.students === undefined ? {} : { students: flags.students }),
      ...(flags.answers === undefined ? {} : { answersPath: flags.answers }),
    })
    process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : renderReport(report))
    if (report.evaluation.kind === 'impossible') {
      process.stderr.write(`the AUC cannot be computed: ${report.evaluation.reason}\n`)
      process.exitCode = 1
    }
  } catch (error) {
    process.stderr.write(`demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
    if (error instanceof RequestGivenUp) {
      process.stderr.write(
        `  next: check that a server answers at ${flags.url} (npm start begins one), or give --url\n`,
      )
    }
    process.exitCode = 1
  }
}

function httpUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError('an address such as http://127.0.0.1:8080 is needed.')
}
