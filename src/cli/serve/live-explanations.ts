import type { PickAnswer } from '#answers/answers.ts'
import type {
  AssignmentLine,
  AssignmentPicks,
  ClueBasis,
  ExplanationData,
  PickChoice,
  PickLine,
} from '#api/console/explanation-data.ts'
import { needOfPes, needOfSpes } from '#choose/need.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Assignment, Student } from '#domain/student.ts'
import type { Services } from './services.ts'

/** The console's "why": what an estimate rests on, and what would be given in an assignment now. */
const assignmentsMax = 50
const answersMax = 200
const personalisedName = 'biglearn_sparfa'
const explained = { explains: true, asOf: undefined } as const
const spacedNames = ['student_driven_biglearn_sparfa', 'instructor_driven_biglearn_sparfa']

export function liveExplanations(services: Services): ExplanationData {
  return {
    clueBasis: (course, student, bookContainer) => clueBasis(services, { course, student, bookContainer }),
    assignments: (course, student) => assignmentLines(services, course, student),
    practice: (course, student) => practice(services, course, student),
    picks: (course, student, assignment) => assignmentPicks(services, { course, student, assignment }),
  }
}

async function studentIn({ reader }: Services, course: Uuid, student: Uuid): Promise<Student | undefined> {
  const found = await reader.student(student)
  return found?.course === course ? found : undefined
}

interface BasisQuestion {
  readonly course: Uuid
  readonly student: Uuid
  readonly bookContainer: Uuid
}

async function clueBasis(services: Services, question: BasisQuestion): Promise<ClueBasis | undefined> {
  const { course, student, bookContainer } = question
  if ((await studentIn(services, course, student)) === undefined) return undefined
  const found = await services.explanations.explainClue(student, bookContainer)
  if (found === undefined) return undefined
  const newest = [...found.judged].reverse().slice(0, answersMax)
  return {
    bookContainer,
    clue: found.clue,
    matrix: found.matrix ?? null,
    poolGroups: found.pool.length,
    countedAnswers: found.countedAnswers,
    orphanedAnswers: found.orphanedAnswers,
    answers: newest.map(({ answer, verdict, visibleAt }) => ({
      sequenceNumber: answer.number,
      exercise: answer.exercise,
      isCorrect: answer.isCorrect,
      respondedAt: answer.respondedAt,
      verdict,
      visibleAt: visibleAt ?? null,
    })),
  }
}

async function assignmentLines(
  services: Services,
  course: Uuid,
  student: Uuid,
): Promise<readonly AssignmentLine[] | undefined> {
  const found = await studentIn(services, course, student)
  if (found === undefined) return undefined
  const [assignments, answers] = await Promise.all([
    services.reader.assignmentsOf(found),
    services.reader.answersOf(found),
  ])
  const answeredTrials = new Set(answers.map(({ trial }) => trial))
  return [...assignments]
    .sort((a, b) => b.firstNumber - a.firstNumber)
    .slice(0, assignmentsMax)
    .map((assignment) => ({
      assignment: assignment.uuid,
      type: assignment.type,
      isDeleted: assignment.isDeleted,
      isWaiting: needOfPes(assignment) === 'choose' || needOfSpes(assignment) === 'choose',
      createdAt: assignment.createdAt,
      opensAt: assignment.opensAt ?? null,
      dueAt: assignment.dueAt ?? null,
      exercises: assignment.exercises.length,
      answered: assignment.exercises.filter(({ trial }) => answeredTrials.has(trial)).length,
    }))
}

interface PicksQuestion {
  readonly course: Uuid
  readonly student: Uuid
  readonly assignment: Uuid
}

async function assignmentPicks(services: Services, question: PicksQuestion): Promise<AssignmentPicks | undefined> {
  const { course, student, assignment: uuid } = question
  const assignment = await services.reader.assignment(uuid)
  if (assignment?.student !== student || (await studentIn(services, course, student)) === undefined) return undefined
  const line = (algorithm: string) => ({ assignment: uuid, algorithm, exercisesMax: undefined })
  const [personalised, spaced] = await Promise.all([
    services.answers.assignmentPes([line(personalisedName)], explained),
    services.answers.assignmentSpes(spacedNames.map(line), explained),
  ])
  const asked = [
    ...personalised.map((pick) => ({ kind: 'personalised' as const, algorithm: personalisedName, pick })),
    ...spaced.map((pick, index) => ({ kind: 'spaced' as const, algorithm: spacedNames[index] ?? '', pick })),
  ]
  const choices = await Promise.all(
    asked.map(async ({ kind, algorithm, pick }): Promise<PickChoice> => {
      const exercises = await pickLines(services, pick, { student, ecosystem: assignment.ecosystem })
      return {
        kind,
        algorithm,
        ...settled(assignment, kind, pick),
        exercises,
        from: sourceOf(pick),
        shortage: shortageOf(pick),
      }
    }),
  )
  return { assignment: uuid, bookContainers: assignment.containers, choices }
}

async function practice(services: Services, course: Uuid, student: Uuid): Promise<PickChoice | undefined> {
  if ((await studentIn(services, course, student)) === undefined) return undefined
  const line = { student, algorithm: personalisedName, exercisesMax: undefined }
  const [[pick], details] = await Promise.all([
    services.answers.worstAreas([line], explained),
    services.reader.course(course),
  ])
  if (pick === undefined || details?.ecosystem === undefined) return undefined
  return {
    kind: 'practice',
    algorithm: personalisedName,
    status: pick.status,
    matrix: pick.matrix ?? null,
    isAssigned: false,
    exercises: await pickLines(services, pick, { student, ecosystem: details.ecosystem }),
    from: sourceOf(pick),
    shortage: shortageOf(pick),
  }
}

async function pickLines(
  { explanations }: Services,
  pick: PickAnswer,
  { student, ecosystem }: { readonly student: Uuid; readonly ecosystem: Uuid },
): Promise<PickLine[]> {
  const outlooks = await explanations.explainExercises(student, ecosystem, pick.exercises)
  return pick.exercises.map((exercise): PickLine => {
    const outlook = outlooks.get(exercise)
    return {
      exercise,
      bookContainers: outlook?.bookContainers ?? [],
      expected: outlook?.expected ?? null,
      answered: outlook?.timesAnswered ?? 0,
      ...spacingOf(pick, exercise),
      ...reasonOf(pick, exercise),
    }
  })
}

function settled(assignment: Assignment, kind: PickChoice['kind'], pick: PickAnswer) {
  const isAssigned = kind === 'personalised' ? assignment.pesAreAssigned : assignment.spesAreAssigned
  return { status: pick.status, matrix: pick.matrix ?? null, isAssigned }
}

/** What the choice itself reported for the wire (scheduler.md §7.5). */
function spacingOf({ spyInfo }: PickAnswer, exercise: Uuid): Pick<PickLine, 'kAgo' | 'isRandomAgo'> {
  const reports = spyInfo['exercises'] as { readonly [exercise: string]: SpacingReport } | undefined
  const report = reports?.[exercise]
  return { kAgo: report?.k_ago ?? null, isRandomAgo: report?.is_random_ago ?? false }
}

function sourceOf({ explanation }: PickAnswer): PickChoice['from'] {
  if (explanation?.need !== 'choose') return null
  const { goal, candidatesInAll, excludedByReason } = explanation
  return { goal, candidates: candidatesInAll, excluded: excludedByReason }
}

function reasonOf({ explanation }: PickAnswer, exercise: Uuid): Pick<PickLine, 'place' | 'area' | 'isDisplaced'> {
  const pick = explanation?.picks.find((one) => one.exercise === exercise)
  return {
    place: pick?.isRanked ? pick.rank + 1 : null,
    area: pick?.area === undefined ? null : pick.area + 1,
    isDisplaced: (pick?.displacement ?? 0) > 0,
  }
}

interface SpacingReport {
  readonly k_ago: number | null
  readonly is_random_ago: boolean
}

function shortageOf({ spyInfo }: PickAnswer): string | null {
  const shortage = spyInfo['shortage'] as { readonly reason: string } | undefined
  return shortage?.reason ?? null
}
