import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AlgorithmContract } from '#answers/contract/contract.ts'
import { openAlgorithmContract } from '#answers/contract/open.ts'
import { openKeptViews } from '#answers/kept-views.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { openMatrixUpdates } from '#due/matrix-updates.ts'
import { openSubmittedClues } from '#due/submitted-clues.ts'
import { openSubmittedOrderings } from '#due/submitted-orderings.ts'
import { openWorkStates } from '#due/work-states.ts'
import { openLearningReader } from '#learning/reader.ts'
import { AlgorithmWorld } from './algorithm-world.ts'

/* Workers of one algorithm that answer at the same moment. */
let world: AlgorithmWorld
before(async () => {
  world = await AlgorithmWorld.start(53, 2)
})
after(() => world.application.stop())

/** The contract as another process has it; what happens `between` comes after it has decided to store its CLUEs. */
function slowProcess(between: () => Promise<void>): AlgorithmContract {
  const { pool } = world.application
  const reader = openLearningReader(pool)
  const clues = openSubmittedClues(pool)
  let isFirst = true
  return openAlgorithmContract({
    reader,
    views: openKeptViews(reader, { withholdUntilDue: true }),
    clock: { now: () => Date.now() },
    states: openWorkStates(pool),
    orderings: openSubmittedOrderings(pool),
    clues: {
      ...clues,
      put: async (...given) => {
        if (isFirst) await between()
        isFirst = false
        return clues.put(...given)
      },
    },
    matrixUpdates: openMatrixUpdates(pool),
    progress: async () => '',
    matrixIntervalMs: 0,
  })
}

const result = (algorithm: string, calculation: Uuid, mostLikely: number) => {
  return { algorithm, calculation, ecosystem: undefined, clue: { minimum: 0, mostLikely, maximum: 1, isReal: true } }
}

/** The student's own work on a page, of whose 8 exercises it has answered some. */
async function workOf(algorithm: string, student: string): Promise<Uuid> {
  const found = (await world.clues(algorithm)).find(({ student_uuids: students, exercise_uuids: exercises }) => {
    return students.join() === student && exercises.length === 8
  })
  assert.ok(found !== undefined)
  return toUuid(found.calculation_uuid)
}

async function shown(algorithm: string, student: string): Promise<number> {
  const { clue_data: clue } = await world.clue('student', student, world.classroom.pages[0] ?? '', algorithm)
  return clue.most_likely
}

test('a late CLUE does not overwrite the newer one, which would never be due again', async () => {
  const student = world.student(0)
  await world.answer(student, 0, [[0, true]])
  const late = await workOf('late', student.student)
  const slow = slowProcess(async () => {
    await world.answer(student, 0, [[1, false]])
    for (const item of await world.clues('late')) await world.estimate('late', item.calculation_uuid, 0.9)
    assert.deepEqual(await world.clues('late'), [], 'everything is settled')
  })
  assert.deepEqual(await slow.updateClueCalculations([result('late', late, 0.1)]), [false])
  assert.equal(await shown('late', student.student), 0.9)
  assert.deepEqual(await world.clues('late'), [])
})

test('two who answer the same calculation at once are both accepted, and the last one shows', async () => {
  const student = world.student(1)
  await world.answer(student, 0, [[0, true]])
  const work = await workOf('same', student.student)
  const slow = slowProcess(async () => {
    assert.equal(await world.estimate('same', work, 0.3), 'calculation_accepted')
  })
  assert.deepEqual(await slow.updateClueCalculations([result('same', work, 0.7)]), [true])
  assert.equal(await shown('same', student.student), 0.7)
})
