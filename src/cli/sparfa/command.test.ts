import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { loadMatrix } from '#estimate/sparfa/matrix.ts'
import { header, plantedRows } from './test-answers.ts'

const program = fileURLToPath(new URL('../main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'biglearn-sparfa-'))
after(() => rmSync(folder, { recursive: true }))
const answers = join(folder, 'planted.csv.gz')
writeFileSync(answers, gzipSync([header, ...plantedRows()].join('\n')))

const sparfa = (...args: string[]) => promisify(execFile)(process.execPath, [program, 'sparfa', ...args])

test('evaluate prints rows and means, tells its progress on stderr, and draws', async () => {
  const pictures = join(folder, 'pictures')
  const { stdout, stderr } = await sparfa('evaluate', answers, '--seeds', '1,2', '--json', '--plot', pictures)
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    rows.map(({ split, seed }) => `${split} ${seed}`).filter((_, at) => at % 4 === 0),
    ['random 1', 'random 2', 'future null', 'random mean'],
  )
  assert.deepEqual(
    rows.slice(0, 4).map(({ model }) => model),
    ['auto', '1PL', '2PL', 'best-LR'],
  )
  assert.ok(rows.every((row) => row.log_loss > 0.3 && row.log_loss < 0.75 && row.auc > 0.55 && row.seconds > 0))
  assert.match(stderr, /2400 first answers, 80 learners, 40 questions, 4 concepts/)
  assert.match(stderr, /random split, seed 2: auto, log-loss 0\.\d+/)
  assert.deepEqual(readdirSync(pictures).sort(), ['clues.svg', 'epochs.svg', 'reliability.svg'])
  const clues = readFileSync(join(pictures, 'clues.svg'), 'utf8')
  assert.equal(clues.match(/bold">CLUE of learner \d+ on concept/g)?.length, 4)
  assert.doesNotMatch(clues, /NaN|undefined|Infinity/)
  const epochs = readFileSync(join(pictures, 'epochs.svg'), 'utf8')
  assert.match(epochs, />answers trained on</)
  assert.match(epochs, />answers kept back</)
  assert.doesNotMatch(epochs, /NaN|undefined|Infinity/)
})

test('predictions by the likeliest knowledge rank as averaged ones do, with other probabilities', async () => {
  const measured = async (posterior: string): Promise<{ auc: number; log_loss: number }> => {
    const options = ['--split', 'random', '--seeds', '1', '--preset', 'hard', '--json', '--posterior', posterior]
    const { stdout } = await sparfa('evaluate', answers, ...options)
    return JSON.parse(stdout.split('\n')[0]!)
  }
  const [averaged, likeliest] = [await measured('averaged'), await measured('likeliest')]
  assert.notEqual(averaged.log_loss, likeliest.log_loss)
  assert.ok(Math.abs(averaged.auc - likeliest.auc) < 0.01, `${averaged.auc} and ${likeliest.auc}`)
  await assert.rejects(measured('neither'), /Allowed choices are averaged, likeliest/)
})

test('compare takes every preset', async () => {
  const { stdout } = await sparfa('compare', answers, '--split', 'random', '--seeds', '3')
  const models = stdout
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ +/)[2])
  assert.deepEqual(models, ['hard', 'soft', 'soft-strict', 'auto', '1PL', '2PL', 'best-LR'])
})

test('fit tells how the matrix was made and writes what the server can load', async () => {
  const out = join(folder, 'matrix.json')
  const pictures = join(folder, 'of-fit')
  const { stdout } = await sparfa(
    'fit',
    answers,
    ...['--preset', 'hard', '--seed', '4', '--out', out, '--plot', pictures],
  )
  const matrix = loadMatrix(JSON.parse(readFileSync(out, 'utf8')))
  assert.equal(matrix.questionIds.length, 40)
  assert.deepEqual(readdirSync(pictures).sort(), ['clues.svg', 'epochs.svg'])
  assert.equal(matrix.madeBy.seed, 4)
  assert.ok(stdout.includes(JSON.stringify(matrix.madeBy)))
  assert.match(stdout, /2400 first answers of 80 learners to 40 questions on 4 concepts/)
})

test('both kernels and any number of threads write the same matrix, to the last character', async () => {
  const written = await Promise.all(
    [
      ['--kernel', 'plain'],
      ['--kernel', 'wasm', '--threads', '1'],
      ['--threads', '2'],
    ].map(async (flags, at) => {
      const out = join(folder, `${at}.json`)
      await sparfa('fit', answers, '--preset', 'soft', ...flags, '--out', out)
      return readFileSync(out, 'utf8')
    }),
  )
  assert.equal(written[1], written[0])
  assert.equal(written[2], written[0])
  await assert.rejects(sparfa('fit', answers, '--kernel', 'fast'), /plain or wasm is needed/)
  await assert.rejects(sparfa('fit', answers, '--threads', '0'), /from 1 to 64/)
})

test('mistakes name the file, the line and the column, and end with code 1', async () => {
  const broken = join(folder, 'broken.csv')
  writeFileSync(broken, `${header}\n0,0,1,1,0\n0,1,1,perhaps,1\n`)
  for (const command of ['evaluate', 'fit']) {
    await assert.rejects(sparfa(command, broken), (error: { code: number; stderr: string; stdout: string }) => {
      assert.equal(error.code, 1)
      assert.equal(error.stdout, '')
      assert.equal(error.stderr, `biglearn sparfa: ${broken}: line 3, column "correct": "perhaps" is neither 0 nor 1\n`)
      return true
    })
  }
  await assert.rejects(sparfa('evaluate', answers, '--seeds', '1,1'), /a seed comes twice/)
})
