import type { AssignmentPicks, ClueBasis, PickChoice, PickLine } from '#api/console/explanation-data.ts'
import type { MatrixView, Operations } from '#api/console/operations-data.ts'
import type { DeedOutcome, OperatorDeed } from '#api/console/operator-deeds.ts'
import { picturesOf } from '#cli/sparfa/plots.ts'
import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'
import { chance, uuidOf } from './seeded-values.ts'

/** Seeded data of the operator's pages and of explanations: enough of every state that they can show. */
export function seededOperations(parked: Uuid, startedAt: number, deeds: readonly OperatorDeed[]): Operations {
  const isTriedAgain = deeds.some(({ deed, stream }) => deed === 'retry' && stream === parked)
  const hot = uuidOf('course 7')
  const policies = deeds.flatMap((deed) => (deed.deed === 'lane' && deed.stream === hot ? [deed.policy] : []))
  const members = [0, 1, 2].map((member) => uuidOf(`member ${member}`))
  const slots = Array.from({ length: 128 }, (_, part) => {
    const head = part % 3 === 0 ? 0 : Math.floor(900 * chance(`head ${part}`)) + 1
    const entriesBehind = part === 17 ? 12 : 0
    return {
      part,
      lane: 0,
      share: 0,
      shares: 1,
      owner: part === 40 ? null : (members[part % 3] ?? null),
      epoch: String(1 + (part % 4)),
      position: String(head - entriesBehind),
      head: String(head),
      entriesBehind,
      confirmedAt: head === 0 ? null : startedAt - part * 310,
    }
  })
  const common = { kind: 'course' as const, part: 3, untilNumber: 812, since: startedAt - 840_000 }
  return {
    experiments: [
      {
        ...{ name: 'autumn', unit: 'course', kinds: ['pe', 'spe'], version: 2, endsAt: startedAt + 40 * 86_400_000 },
        ...{ startsAt: startedAt - 9 * 86_400_000, description: 'does it help those who are behind?' },
        arms: [
          { algorithm: 'biglearn_sparfa', expected: 0.75, units: 151 },
          { algorithm: 'local_query', expected: 0.25, units: 49 },
        ],
      },
    ],
    subscriptions: [
      {
        name: 'learning',
        mode: 'embedded',
        isPaused: false,
        entriesBehind: 12,
        oldestAgeMs: 310,
        slots,
        setAsideTotal: 2,
        setAside: [
          {
            ...common,
            stream: parked,
            state: isTriedAgain ? 'retry' : 'parked',
            nextNumber: 790,
            attempts: 8,
            nextAt: startedAt,
            error: 'invalid input: students[3].container_uuid is not a uuid',
            awaited: null,
          },
          {
            ...common,
            stream: uuidOf('course 5'),
            state: 'blocked',
            nextNumber: 4,
            attempts: 0,
            nextAt: startedAt,
            error: null,
            awaited: uuidOf('ecosystem 9'),
          },
        ],
      },
    ],
    lanes: [
      { kind: 'course', stream: hot, part: 17, lane: 1, policy: policies.at(-1) ?? 'auto', eventsPerSecond: 612.4 },
      { kind: 'course', stream: uuidOf('course 8'), part: 9, lane: 0, policy: 'auto', eventsPerSecond: null },
    ],
    lanesTotal: 2,
    blocked: { total: 0, streams: [] },
  }
}

/** One deed is refused: an event at which the stream does not stop any more. */
export function seededOutcome(deeds: OperatorDeed[], deed: OperatorDeed): DeedOutcome {
  if (deed.deed === 'skip') return { kind: 'refused', why: `it does not stop at event ${deed.number} any more` }
  deeds.push(deed)
  return { kind: 'done' }
}

/** As the server draws them. */
function seededPictures(): MatrixView['pictures'] {
  const epochs = Array.from({ length: 24 }, (_, at) => ({
    mask: 'hard' as const,
    lamU: at < 12 ? 2 : 1,
    epoch: at % 12,
    heldOutLogLoss: 0.552 + 0.1 / (1 + (at % 12)),
    trainingLogLoss: 0.541 + 0.1 / (1 + (at % 12)),
  }))
  const bins = Array.from({ length: 10 }, (_, bin) => ({ rows: 400, predicted: 20 + 40 * bin, right: 24 + 39 * bin }))
  const history = {
    concept: 0,
    questions: 12,
    confidence: 0.5,
    clues: Array.from({ length: 8 }, (_, given) => ({
      minimum: 0.3 + 0.03 * given,
      mostLikely: 0.5 + 0.02 * given,
      maximum: 0.75 + 0.01 * given,
      isReal: given > 2,
    })),
    answers: [1, 3, 4, 7].map((at) => ({ at, isCorrect: at !== 3 })),
  }
  return picturesOf(epochs, bins, [{ learner: '1', concept: 'page 1', history }])
}

export function seededMatrix(matrix: Uuid, ecosystem: Uuid, startedAt: number): MatrixView {
  const history = [0, 1, 2].map((age) => ({
    matrix: age === 0 ? matrix : uuidOf(`matrix ${ecosystem} ${age}`),
    learntAt: startedAt - 754_000 * (age + 1),
    answers: 41_210 - 3_700 * age,
    learners: 1_290 - 110 * age,
    heldOutLogLoss: 0.552 + 0.011 * age,
    stoppedBy: 'patience',
    isRemoved: age === 2,
  }))
  return {
    matrix,
    ecosystem,
    learntAt: startedAt - 754_000,
    questions: 412,
    concepts: 25,
    history,
    heldOut: { answers: 4_121, accuracy: 0.7431, auc: 0.7834, logLoss: 0.552, brier: 0.172, calibrationError: 0.0097 },
    pictures: seededPictures(),
    madeBy: {
      preset: 'auto',
      mask: 'hard',
      lamW: 0.4,
      lamD: 0.05,
      lamU: 1,
      lamG: null,
      seed: 7,
      answers: 41_210,
      learners: 1_290,
      epochs: 64,
      heldOutLogLoss: 0.552,
      stoppedBy: 'patience',
      warmStarts: 2,
    },
  }
}

export function seededBasis(bookContainer: Uuid, clue: Clue, matrix: Uuid, startedAt: number): ClueBasis {
  const verdicts = ['counted', 'superseded', 'withheld', 'counted', 'excluded', 'trial_unknown', 'counted'] as const
  const answers = verdicts.map((verdict, index) => ({
    sequenceNumber: 1_100 - 13 * index,
    exercise: uuidOf(`exercise ${index}`),
    isCorrect: index % 3 !== 1,
    respondedAt: startedAt - 4_000_000 * (index + 1),
    verdict,
    visibleAt: verdict === 'withheld' ? startedAt + 86_400_000 : null,
  }))
  return { bookContainer, clue, matrix, poolGroups: 18, answers, countedAnswers: 41, orphanedAnswers: 0 }
}

export function seededPractice(pages: readonly Uuid[], matrix: Uuid): PickChoice {
  const [personalised] = seededPicks(matrix, pages, matrix).choices
  if (personalised === undefined) throw new Error('there is always a personalised choice')
  const exercises = personalised.exercises.map((pick, index) => ({ ...pick, area: index + 1 }))
  return {
    ...personalised,
    exercises,
    kind: 'practice',
    isAssigned: false,
    from: { goal: 3, candidates: 24, excluded: {} },
  }
}

export function seededPicks(assignment: Uuid, pages: readonly Uuid[], matrix: Uuid): AssignmentPicks {
  const line = (index: number, kAgo: number | null): PickLine => ({
    exercise: uuidOf(`pick ${assignment} ${index}`),
    bookContainers: pages.slice(index, index + 1),
    expected: 0.4 + 0.09 * index,
    answered: index % 3,
    kAgo,
    isRandomAgo: index === 2,
    place: index === 2 ? null : index + 1,
    area: null,
    isDisplaced: index === 1,
  })
  const from = { goal: 3, candidates: 24, excluded: { open_work: 5, own_assignment: 1 } }
  const spaced = { kind: 'spaced', status: 'ready', matrix, isAssigned: false, from } as const
  return {
    assignment,
    bookContainers: pages.slice(0, 2),
    choices: [
      {
        kind: 'personalised',
        algorithm: 'biglearn_sparfa',
        status: 'ready',
        matrix,
        isAssigned: true,
        from: null,
        exercises: [line(0, null), line(1, null), line(3, null)],
        shortage: null,
      },
      {
        ...spaced,
        algorithm: 'student_driven_biglearn_sparfa',
        exercises: [line(4, 1), line(2, 3)],
        shortage: 'pool_too_small',
      },
      { ...spaced, algorithm: 'instructor_driven_biglearn_sparfa', exercises: [], shortage: 'no_container' },
    ],
  }
}
