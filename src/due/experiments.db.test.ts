import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { assignedArm, type Experiment, type ExperimentDraft, type RunningExperiment } from '#choose/experiment.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import {
  countArms,
  createExperiment,
  endExperiment,
  isRefused,
  openExperiments,
  type Refused,
  readAssignments,
  readExperiments,
  reweighExperiment,
} from './experiments.ts'

const { pool } = await openTestDatabase({ connectionsMax: 8 })

const newUnits = (count: number): Uuid[] => Array.from({ length: count }, () => toUuid(randomUUID()))
const arms = [
  { algorithm: 'biglearn_sparfa', weight: 1 },
  { algorithm: 'local_query', weight: 3 },
]

function draft(name: string, changes: Partial<ExperimentDraft> = {}): ExperimentDraft {
  return {
    ...{
      name,
      unit: 'student',
      kinds: ['pe'],
      seed: name,
      description: '',
      arms,
      startsAt: undefined,
      endsAt: undefined,
    },
    ...changes,
  }
}

async function created(name: string, changes: Partial<ExperimentDraft> = {}): Promise<Experiment> {
  const outcome = await createExperiment(pool, draft(name, changes), 'ada')
  if (isRefused(outcome)) throw new Error(outcome.problems.join())
  return outcome
}

const problemsOf = (outcome: Experiment | Refused): string => (isRefused(outcome) ? outcome.problems.join('; ') : '')

async function running(name: string): Promise<RunningExperiment> {
  const experiment = (await readExperiments(pool)).find((one) => one.name === name)
  const version = experiment?.versions.at(-1)
  assert.ok(experiment && version)
  return { experiment, version }
}

async function exported(name: string) {
  return (await Array.fromAsync(readAssignments(pool, name, 7))).flat()
}

test('each unit is recorded once, with the arm that was drawn and the time, by whoever asks first', async () => {
  await created('once')
  const units = newUnits(100)
  const before = Date.now()
  const asked = await running('once')
  const processes = Array.from({ length: 6 }, () => openExperiments(pool))
  const all = await Promise.all(processes.map((one, place) => one.arms(asked, place % 2 ? units : units.toReversed())))
  for (const arms of all) assert.deepEqual(new Map([...arms].sort()), new Map([...(all[0] ?? [])].sort()))
  const records = await exported('once')
  assert.deepEqual(records.map(({ unit }) => unit).sort(), [...units].sort())
  for (const { unit, algorithm, assignedAt, version } of records) {
    assert.equal(algorithm, assignedArm('once', arms, unit).algorithm)
    assert.equal(all[0]?.get(unit), algorithm)
    assert.ok(Math.abs(assignedAt.getTime() - before) < 60_000)
    assert.equal(version, 1)
  }
  const counts = await countArms(pool, ['once'])
  assert.equal(
    counts.reduce((sum, count) => sum + count.units, 0),
    100,
  )
  await endExperiment(pool, 'once', undefined)
})

test('the first record stays, whatever a later process would draw', async () => {
  await created('stays')
  const asked = await running('stays')
  const [unit] = newUnits(1)
  assert.ok(unit)
  const drawn = (await openExperiments(pool).arms(asked, [unit])).get(unit)
  const other = { ...asked, version: { ...asked.version, arms: arms.filter(({ algorithm }) => algorithm !== drawn) } }
  assert.equal((await openExperiments(pool).arms(other, [unit])).get(unit), drawn)
  await assert.rejects(
    pool.query(`update experiment_assignment set algorithm_name = 'x' where unit_uuid = $1`, [unit]),
    /never changed/,
  )
  await assert.rejects(pool.query(`update experiment_version set weights = '{1,1}'`), /never changed/)
  await endExperiment(pool, 'stays', undefined)
})

test('looking back records nothing', async () => {
  await created('back')
  const asked = await running('back')
  const [unit] = newUnits(1)
  assert.ok(unit)
  const then = await openExperiments(pool).armsThen(asked, [unit])
  assert.equal(then.get(unit), assignedArm('back', arms, unit).algorithm)
  assert.deepEqual(await exported('back'), [])
  await endExperiment(pool, 'back', undefined)
})

test('nobody is recorded after the end, nor by the arms of an earlier version', async () => {
  await created('moved')
  const first = await running('moved')
  const [early, late, last] = newUnits(3)
  assert.ok(early && late && last)
  const stale = openExperiments(pool)
  await stale.arms(first, [early])
  const reweighed = await reweighExperiment(pool, 'MOVED', {
    arms: [arms[0]!, { algorithm: 'x', weight: 0 }],
    actor: 'ada',
  })
  assert.equal(problemsOf(reweighed), '')
  assert.equal((await stale.arms(first, [late])).size, 0)
  const second = await running('moved')
  assert.equal(second.version.version, 2)
  assert.equal((await stale.arms(second, [early])).get(early), 'biglearn_sparfa')
  assert.equal(problemsOf(await endExperiment(pool, 'moved', undefined)), '')
  assert.equal((await openExperiments(pool).arms(second, [last])).size, 0)
  const records = await exported('moved')
  assert.deepEqual(
    records.map(({ unit, version }) => [unit, version]),
    [
      [early, 1],
      [early, 2],
    ],
  )
  assert.match(problemsOf(await endExperiment(pool, 'moved', undefined)), /has ended/)
  assert.match(problemsOf(await reweighExperiment(pool, 'moved', { arms, actor: 'ada' })), /has ended/)
})

test('a running experiment is found for its kinds and its time, at most a second late', async () => {
  const experiments = openExperiments(pool, { freshMs: 0 })
  const { startsAt } = await created('found', { kinds: ['spe', 'worst_areas'] })
  assert.equal((await experiments.running('spe', startsAt))?.experiment.name, 'found')
  assert.equal(await experiments.running('spe', startsAt - 1), undefined)
  assert.equal(await experiments.running('student_clue', startsAt), undefined)
  await endExperiment(pool, 'found', undefined)
  assert.equal(await experiments.running('spe', Date.now() + 1000), undefined)
  assert.equal((await experiments.running('spe', startsAt))?.experiment.name, 'found', 'the past stays')
})

test('a process that is told of another version looks for it at once', async () => {
  const { startsAt } = await created('noticed')
  const experiments = openExperiments(pool, { freshMs: 60_000 })
  const first = await experiments.running('pe', startsAt)
  assert.ok(first)
  assert.equal(problemsOf(await reweighExperiment(pool, 'noticed', { arms: arms.toReversed(), actor: 'ada' })), '')
  assert.equal((await experiments.running('pe', Date.now()))?.version.version, 1)
  assert.equal((await experiments.arms(first, newUnits(2))).size, 0)
  assert.equal((await experiments.running('pe', Date.now()))?.version.version, 2)
  await endExperiment(pool, 'noticed', undefined)
})

test('of experiments that overlap, created at once, one is refused', async () => {
  const outcomes = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) =>
      createExperiment(pool, draft(name, { kinds: ['teacher_clue', 'pe'], unit: 'course' }), 'ada'),
    ),
  )
  const refused = outcomes.filter(isRefused)
  assert.equal(refused.length, 3)
  for (const { problems } of refused)
    assert.match(problems.join(), /decides about teacher_clue, pe from .* with no end; one at a time/)
  const winner = outcomes.find((outcome) => !isRefused(outcome))
  assert.ok(winner && !isRefused(winner))
  assert.match(
    problemsOf(await createExperiment(pool, draft(winner.name.toUpperCase(), { kinds: ['spe'] }), 'ada')),
    /already/,
  )
  // One after the other is no overlap, and the first may not grow into the second.
  const later = Date.now() + 3_600_000
  assert.equal(problemsOf(await endExperiment(pool, winner.name, later)), '')
  await created('next', { kinds: ['teacher_clue'], unit: 'course', startsAt: later })
  assert.match(problemsOf(await endExperiment(pool, winner.name, later + 1)), /next begins before that/)
  await endExperiment(pool, winner.name, undefined)
  await endExperiment(pool, 'next', undefined)
  assert.equal(await openExperiments(pool).running('teacher_clue', later + 10), undefined, 'it never begins')
})
