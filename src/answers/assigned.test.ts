import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Experiment, RunningExperiment } from '#choose/experiment.ts'
import { toUuid } from '#domain/ids.ts'
import type { Answers } from './answers.ts'
import { type AssignedPorts, withAssigned } from './assigned.ts'

const student = toUuid('00000000-0000-4000-8000-000000000001')

function version(number: number): RunningExperiment {
  const experiment = { name: 'autumn', unit: 'student' } as Experiment
  return { experiment, version: { version: number, since: 0, arms: [] } }
}

/** An experiment whose earlier versions, in this order, are noticed to be over only when a unit is to be recorded. */
function ports(versions: readonly (RunningExperiment | undefined)[]): AssignedPorts {
  let turn = 0
  const records = new Map([[student, { student: { uuid: student } }]])
  return {
    experiments: {
      running: async () => versions[turn++],
      arms: async (running: RunningExperiment) =>
        new Map(running === versions.at(-1) ? [[student, 'local_query']] : []),
    },
    unitsAt: () => ({ records: { load: async () => records } }),
    freshness: { begin: () => ({}) },
    clock: { now: () => 0 },
    algorithmDefault: 'biglearn_sparfa',
  } as unknown as AssignedPorts
}

async function algorithmGiven(versions: readonly (RunningExperiment | undefined)[]) {
  const inner = { worstAreas: async (lines: readonly object[]) => lines.map(() => ({})) } as unknown as Answers
  const [answer] = await withAssigned(inner, ports(versions)).worstAreas([
    { request: student, student, algorithm: 'assigned' } as never,
  ])
  return [answer?.assigned?.algorithm, answer?.assigned?.experiment?.version]
}

test('a unit was given the default algorithm when the experiment had just got another version', async () => {
  assert.deepEqual(await algorithmGiven([version(1), version(2)]), ['local_query', 2])
})

test('when the experiment has just ended, the default algorithm it is', async () => {
  assert.deepEqual(await algorithmGiven([version(1), undefined]), ['biglearn_sparfa', undefined])
})

test('versions that change faster than they are looked up hold no request up', async () => {
  const versions = [version(1), version(2), version(3), version(4)]
  assert.deepEqual(await algorithmGiven(versions), ['biglearn_sparfa', undefined])
})
