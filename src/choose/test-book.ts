import type { BookContainer, Ecosystem, Pool } from '#domain/ecosystem.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { Answer, Assignment, Instant } from '#domain/student.ts'

/** Small worlds for tests, spelt with short names: `id('a1')` is the same uuid everywhere. */
export function id(name: string): Uuid {
  const hex = Buffer.from(name).toString('hex').slice(0, 32).padEnd(32, '0')
  return toUuid(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`)
}

/** The name back from a uuid made by `id`. */
export function nameOf(uuid: Uuid): string {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex').toString().replaceAll('\0', '')
}

export function ids(...names: readonly string[]): Uuid[] {
  return names.map(id)
}

/** `a1`, …, `a9` for ('a', 9). */
export function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${name}${at + 1}`)
}

/** The exercise `x1.v2` is version 2 of the group `x1`; without a suffix it is version 1. */
export function groupName(exercise: string): string {
  return exercise.replace(/\.v\d+$/, '')
}

export function groupOf(exercise: Uuid): Uuid {
  return id(`g:${groupName(nameOf(exercise))}`)
}

interface ContainerSketch {
  readonly parent?: string
  /** Exercises of one pool used for CLUEs and for all of `types`. */
  readonly pool?: readonly string[]
  readonly pools?: readonly { clue: boolean; types: readonly string[]; exercises: readonly string[] }[]
}

const allTypes = ['reading', 'homework', 'practice']

export function book(name: string, sketch: Readonly<Record<string, ContainerSketch>>): Ecosystem {
  const containers = Object.entries(sketch).map(([container, { parent, pool, pools }]): BookContainer => {
    const all: Pool[] = (pools ?? []).map(({ clue, types, exercises }) => ({
      useForClue: clue,
      assignmentTypes: types,
      exercises: exercises.map(id),
    }))
    if (pool) all.push({ useForClue: true, assignmentTypes: allTypes, exercises: pool.map(id) })
    return { uuid: id(container), parent: parent === undefined ? undefined : id(parent), pools: all }
  })
  const exercises = new Set(containers.flatMap((container) => container.pools.flatMap((pool) => pool.exercises)))
  return {
    uuid: id(name),
    containers,
    exercises: [...exercises].map((uuid) => {
      const version = Number(/\.v(\d+)$/.exec(nameOf(uuid))?.[1] ?? 1)
      return { uuid, group: groupOf(uuid), version }
    }),
  }
}

let lastNumber = 0

type AnswerSketch = Partial<Answer> & { readonly of: string; readonly trial?: Uuid }

/** An answer to exercise `of`; its trial is named after the exercise unless given. */
export function answer({ of, ...given }: AnswerSketch): Answer {
  lastNumber += 1
  return {
    number: lastNumber,
    response: id(`r${lastNumber}`),
    trial: id(`t:${of}`),
    exercise: id(of),
    ecosystem: id('E1'),
    isCorrect: true,
    isReal: true,
    respondedAt: lastNumber,
    recordedAt: lastNumber,
    ...given,
  }
}

type AssignmentSketch = Partial<Omit<Assignment, 'uuid' | 'containers' | 'exercises'>> & {
  readonly containers?: readonly string[]
  readonly core?: readonly string[]
  readonly pes?: readonly string[]
  readonly spes?: readonly string[]
}

/** An assignment without dates, for which nothing is assigned yet; trials are named after their exercises. */
export function assignment(name: string, sketch: AssignmentSketch = {}): Assignment {
  const { containers = [], core = [], pes = [], spes = [], ...given } = sketch
  lastNumber += 1
  const issue = (isPe: boolean, isSpe: boolean) => (exercise: string) => ({
    trial: id(`t:${exercise}`),
    exercise: id(exercise),
    isPe,
    isSpe,
  })
  return {
    uuid: id(name),
    student: id('student'),
    ecosystem: id('E1'),
    type: 'homework',
    isDeleted: false,
    opensAt: undefined,
    dueAt: undefined,
    feedbackAt: undefined,
    containers: containers.map(id),
    goalSpes: undefined,
    goalPes: undefined,
    spesAreAssigned: false,
    pesAreAssigned: false,
    exercises: [...core.map(issue(false, false)), ...pes.map(issue(true, false)), ...spes.map(issue(false, true))],
    createdAt: lastNumber,
    firstNumber: lastNumber,
    lastNumber,
    ...given,
  }
}

export const minute = 60_000
export const day = 86_400_000
/** A fixed clock for all tests here. */
export const now: Instant = Date.UTC(2020, 0, 15, 12)
