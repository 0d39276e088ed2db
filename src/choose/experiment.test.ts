import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  algorithmOfArm,
  assignedArm,
  type Experiment,
  type ExperimentDraft,
  experimentProblems,
  overlapping,
  runningAt,
} from './experiment.ts'
import { id, numbered } from './test-book.ts'

const arms = [
  { algorithm: 'biglearn_sparfa', weight: 1 },
  { algorithm: 'local_query', weight: 1 },
]
const draft: ExperimentDraft = {
  ...{ name: 'autumn', unit: 'course', kinds: ['pe', 'spe'], seed: 'seed', description: '', arms },
  ...{ startsAt: undefined, endsAt: undefined },
}
const experiment: Experiment = {
  ...draft,
  ...{ startsAt: 100, endsAt: 200 },
  versions: [
    { version: 1, since: 50, arms },
    { version: 2, since: 150, arms: [...arms].reverse() },
  ],
}
const problems = (changes: Partial<ExperimentDraft>): string =>
  experimentProblems({ ...draft, ...changes }, 0).join('; ')

describe('experiments', () => {
  it('stay what they are: recorded units keep their arm after an upgrade', () => {
    const drawn = numbered('unit', 12).map((unit) => assignedArm('seed', arms, id(unit)).algorithm.slice(0, 1))
    assert.equal(drawn.join(''), 'blblbblblbll')
  })

  it('decide from their start to before their end, with the version of the time', () => {
    const version = (instant: number): number | undefined => runningAt([experiment], 'pe', instant)?.version.version
    assert.deepEqual([99, 100, 149, 150, 199, 200].map(version), [undefined, 1, 1, 2, 2, undefined])
    assert.equal(runningAt([experiment], 'student_clue', 150), undefined)
  })

  it('overlap when they share a kind and a moment', () => {
    const at = (startsAt: number, endsAt: number | undefined, kinds: Experiment['kinds'] = ['spe']) =>
      overlapping([experiment], { kinds, endsAt }, startsAt) !== undefined
    assert.deepEqual(
      [at(0, 100), at(0, 101), at(0, undefined), at(199, 300), at(200, 300)],
      [false, true, true, true, false],
    )
    assert.equal(at(100, 200, ['worst_areas']), false)
    assert.equal(overlapping([{ ...experiment, endsAt: 100 }], { kinds: ['pe'], endsAt: undefined }, 0), undefined)
  })

  it('name spaced exercises with their history', () => {
    assert.equal(algorithmOfArm('pe', 'local_query', undefined), 'local_query')
    assert.equal(algorithmOfArm('spe', 'local_query', undefined), 'student_driven_local_query')
    assert.equal(algorithmOfArm('spe', 'local_query', 'instructor_driven'), 'instructor_driven_local_query')
    assert.equal(algorithmOfArm('spe', 'Student_Driven_x', 'instructor_driven'), 'Student_Driven_x')
  })

  it('are refused with what is wrong', () => {
    assert.equal(problems({}), '')
    assert.match(problems({ arms: arms.slice(1) }), /at least two arms/)
    assert.match(problems({ arms: [...arms, { algorithm: 'LOCAL_QUERY', weight: 1 }] }), /case makes no difference/)
    assert.match(problems({ arms: [...arms, { algorithm: 'x', weight: -1 }] }), /weight of x must be a number from 0/)
    assert.match(problems({ arms: [...arms, { algorithm: 'x', weight: Number.NaN }] }), /weight of x/)
    assert.match(problems({ arms: arms.map((arm) => ({ ...arm, weight: 0 })) }), /at least one arm needs weight/)
    assert.match(problems({ arms: [...arms, { algorithm: 'student_driven_x', weight: 1 }] }), /kind spe alone/)
    assert.match(problems({ arms: [...arms, { algorithm: 'Assigned', weight: 1 }] }), /not an algorithm/)
    assert.match(problems({ unit: 'student', kinds: ['teacher_clue'] }), /use the unit course/)
    assert.match(problems({ kinds: [] }), /at least one kind/)
    assert.match(problems({ name: '-x' }), /begins with a letter/)
    assert.match(problems({ startsAt: -1 }), /in the past/)
    assert.match(problems({ startsAt: 10, endsAt: 10 }), /not after the start/)
  })
})
