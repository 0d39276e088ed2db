import type pg from 'pg'
import type { Ecosystem } from '#domain/ecosystem.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { Answer, Instant } from '#domain/student.ts'
import type { EcosystemReader } from './read-ecosystem.ts'
import { readPackedAnswers } from './read-work.ts'

/*
 * The data of a fit (design D25): the first response of each learner to each exercise group that the ecosystem
 * contains, whichever edition it was given in, real responses of real courses only.
 */
export interface TrainingAnswer {
  readonly learner: Uuid
  readonly group: Uuid
  readonly isCorrect: boolean
  readonly respondedAt: Instant
  readonly number: number
}

/** How much could train an ecosystem now: the trigger of a fit compares it with the count at the last fit (D26). */
export interface TrainingCount {
  readonly ecosystem: Uuid
  /**
   * Real answers in editions that share an exercise group with this one. Repeated answers to one question count each
   * time: as a measure of growth they do no harm, and telling them apart would need a look at each student's history
   * for each answer.
   */
  readonly realAnswers: number
}

const learnersPerChunk = 500

/** At most one answer per learner and group. */
export async function readTrainingData(
  pool: pg.Pool,
  ecosystems: EcosystemReader,
  wanted: { readonly ecosystem: Uuid; readonly parts: number },
): Promise<TrainingAnswer[]> {
  const answers: TrainingAnswer[] = []
  const learners = new Set<Uuid>()
  const inTwoParts = new Set<Uuid>()
  for await (const chunk of readChunks(pool, ecosystems, wanted)) {
    for (const learner of new Set(chunk.map((answer) => answer.learner))) {
      if (learners.has(learner)) inTwoParts.add(learner)
      learners.add(learner)
    }
    for (const answer of chunk) answers.push(answer)
  }
  return inTwoParts.size === 0 ? answers : withoutLater(answers, inTwoParts)
}

/**
 * A client may use one student in two courses. Estimates are of the course where it is active; what trains is the first
 * answer of a person to a question, wherever it was given (design D25), so the two courses are one learner.
 */
function withoutLater(answers: readonly TrainingAnswer[], learners: ReadonlySet<Uuid>): TrainingAnswer[] {
  const first = new Map<string, TrainingAnswer>()
  const others: TrainingAnswer[] = []
  for (const answer of answers) {
    if (learners.has(answer.learner)) keepFirst(first, `${answer.learner} ${answer.group}`, answer)
    else others.push(answer)
  }
  return [...others, ...first.values()]
}

/** Up to 500 learners of a part at a time, with all that they answered in courses of this part. */
async function* readChunks(
  pool: pg.Pool,
  ecosystems: EcosystemReader,
  { ecosystem, parts }: { readonly ecosystem: Uuid; readonly parts: number },
): AsyncGenerator<TrainingAnswer[]> {
  const own = await ecosystems.ecosystem(ecosystem)
  if (own === undefined) return
  const sharing = await ecosystems.sharing(ecosystem, await ecosystems.count())
  const groupOf = await groupsOfExercises(own, sharing, ecosystems)
  for (let part = 0; part < parts; part += 1) {
    let after: Uuid | undefined
    do {
      const learners = await readLearners(pool, { part, ecosystems: sharing, after })
      after = learners.length === learnersPerChunk ? learners.at(-1) : undefined
      if (learners.length === 0) break
      const answers = await readPackedAnswers(pool, { parts: learners.map(() => part), students: learners })
      const chunk = [...answers].flatMap(([learner, given]) => firstAnswers(learner, given, groupOf))
      if (chunk.length > 0) yield chunk
    } while (after !== undefined)
  }
}

export async function readTrainingCounts(pool: pg.Pool, ecosystems: EcosystemReader): Promise<TrainingCount[]> {
  const lines = await ecosystems.lines()
  const activity = await pool.query<{ ecosystem: string; answers: number }>(
    `select ecosystem, sum(real_answers)::float8 as answers
     from learning_activity
     group by ecosystem`,
  )
  const answersIn = new Map(activity.rows.map((row) => [toUuid(row.ecosystem), row.answers]))
  const counts: TrainingCount[] = []
  for (const { uuid } of lines) {
    const sharing = await ecosystems.sharing(uuid, lines.length)
    const realAnswers = sharing.reduce((sum, edition) => sum + (answersIn.get(edition) ?? 0), 0)
    counts.push({ ecosystem: uuid, realAnswers })
  }
  return counts
}

/** Exercises of all sharing editions whose group is one of this edition's. */
async function groupsOfExercises(
  own: Ecosystem,
  sharing: readonly Uuid[],
  ecosystems: EcosystemReader,
): Promise<ReadonlyMap<Uuid, Uuid>> {
  const groups = new Set(own.exercises.map(({ group }) => group))
  const groupOf = new Map(own.exercises.map(({ uuid, group }) => [uuid, group]))
  for (const edition of sharing) {
    const other = await ecosystems.ecosystem(edition)
    for (const { uuid, group } of other?.exercises ?? []) {
      if (groups.has(group) && !groupOf.has(uuid)) groupOf.set(uuid, group)
    }
  }
  return groupOf
}

async function readLearners(
  pool: pg.Pool,
  { part, ecosystems, after }: { part: number; ecosystems: readonly Uuid[]; after: Uuid | undefined },
): Promise<Uuid[]> {
  const found = await pool.query<{ student: string }>({
    name: 'learning_learners',
    text: `
      select distinct student
      from learning_learner
      where part = $1
        and ecosystem = any ($2::uuid[])
        and ($3::uuid is null or student > $3)
      order by student
      limit ${learnersPerChunk}`,
    values: [part, ecosystems, after ?? null],
  })
  return found.rows.map((row) => toUuid(row.student))
}

function firstAnswers(learner: Uuid, given: readonly Answer[], groupOf: ReadonlyMap<Uuid, Uuid>): TrainingAnswer[] {
  const first = new Map<Uuid, TrainingAnswer>()
  for (const { exercise, isReal, isCorrect, respondedAt, number } of given) {
    const group = groupOf.get(exercise)
    if (group !== undefined && isReal) keepFirst(first, group, { learner, group, isCorrect, respondedAt, number })
  }
  return [...first.values()]
}

/** By time of responding, then by number: the order of delivery must not decide what was first. */
function keepFirst<Key>(first: Map<Key, TrainingAnswer>, key: Key, answer: TrainingAnswer): void {
  const known = first.get(key)
  const isEarlier =
    known === undefined ||
    answer.respondedAt < known.respondedAt ||
    (answer.respondedAt === known.respondedAt && answer.number < known.number)
  if (isEarlier) first.set(key, answer)
}
