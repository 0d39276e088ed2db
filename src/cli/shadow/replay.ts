import type { Answers, ClueAnswer, PickAnswer } from '#answers/answers.ts'
import { type Editions, openEditions } from '#answers/editions.ts'
import { type KeptViews, openKeptViews } from '#answers/kept-views.ts'
import { portsOfPast } from '#answers/open.ts'
import { answersOfPast } from '#answers/past-answers.ts'
import type { AnswerKind } from '#choose/experiment.ts'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Instant } from '#domain/student.ts'
import type { MatrixStore } from '#due/matrix-store.ts'
import { openCourseReplay, type PastReader } from '#learning/past-reader.ts'
import type { LearningReader } from '#learning/reader.ts'
import { viewOptions } from '../serve/past.ts'
import { openShadow, type ShadowAlgorithm } from './algorithms.ts'
import type { AnswerPlace, AssignmentPlace, Position } from './positions.ts'

/*
 * What two algorithms would have answered at a position, each as if it alone had run: the course is folded up to there
 * by the rules of the read models, and the answers are made by the code that serves clients.
 */
export type Pair<Value> = readonly [tried: Value, against: Value]

export interface ComparedClue {
  readonly kind: 'student_clue' | 'teacher_clue'
  readonly position: AnswerPlace
  readonly bookContainer: Uuid
  readonly answers: Pair<ClueAnswer>
}

export type PickRow = 'pe' | 'spe_student_driven' | 'spe_instructor_driven' | 'worst_areas'

export interface ComparedPicks {
  readonly kind: PickRow
  readonly position: Position
  readonly answers: Pair<PickAnswer>
}

export type Compared = ComparedClue | ComparedPicks

export interface ReplaySources {
  readonly reader: LearningReader
  readonly matrixStore: MatrixStore
}

export class Replay {
  readonly #sources: ReplaySources
  readonly #algorithms: Pair<ShadowAlgorithm>
  readonly #kinds: ReadonlySet<AnswerKind>
  readonly #editions = new Map<string, Editions>()

  constructor(sources: ReplaySources, algorithms: Pair<ShadowAlgorithm>, kinds: readonly AnswerKind[]) {
    this.#sources = sources
    this.#algorithms = algorithms
    this.#kinds = new Set(kinds)
  }

  /** `events`: all of a course; its positions are asked for in their order. */
  course(course: Uuid, events: readonly StoredEvent[]): (position: Position) => Promise<Compared[]> {
    const past = openCourseReplay(this.#sources.reader, course, events)
    let kept: KeptViews | undefined
    return async (position) => {
      const reader = past.at({ instant: position.at, position: position.position })
      kept ??= openKeptViews(reader, viewOptions)
      return this.#compare(position, reader, kept)
    }
  }

  async #compare(position: Position, reader: PastReader, kept: KeptViews): Promise<Compared[]> {
    const views = { ...kept, editions: await this.#editionsAt(reader, position.at) }
    const answersOf = (algorithm: ShadowAlgorithm) => this.#answersOf(algorithm, reader, views, position.at)
    const [tried, against] = this.#algorithms
    const both = [answersOf(tried), answersOf(against)] as const
    return position.kind === 'answer' ? this.#atAnswer(position, views, both) : this.#atAssignment(position, both)
  }

  #answersOf(algorithm: ShadowAlgorithm, reader: PastReader, views: KeptViews, at: Instant): Answers {
    const { matrixStore } = this.#sources
    const past = { reader, views, algorithms: openShadow(algorithm, matrixStore, at) }
    return answersOfPast(portsOfPast(past, matrixStore, at))
  }

  /** Indexing a book is slow: positions between which no edition and no map arrived share what was derived. */
  async #editionsAt(reader: PastReader, at: Instant): Promise<Editions> {
    const { reader: present } = this.#sources
    const [lines, maps] = await Promise.all([present.ecosystemLines(), present.announcedMaps(at)])
    const arrived = lines.filter(({ createdAt }) => createdAt <= at).length
    return remembered(this.#editions, `${arrived} ${maps.length}`, () => {
      const mapping = reader.mapping()
      return openEditions({ ...reader, mapping: () => mapping })
    })
  }

  async #atAnswer(position: AnswerPlace, views: KeptViews, both: Pair<Answers>): Promise<Compared[]> {
    const { student, exercise, ecosystem } = position
    const compared: Compared[] = []
    const edition = await views.editions.edition(ecosystem)
    const bookContainer = edition?.index.containersOf.get(exercise)?.find((one) => edition.index.pages.has(one))
    if (bookContainer !== undefined && this.#kinds.has('student_clue')) {
      const answers = await this.#ask(both, (one, algorithm) =>
        one.studentClues([{ student, bookContainer, algorithm }]),
      )
      compared.push({ kind: 'student_clue', position, bookContainer, answers })
    }
    const courseContainer = (await views.records.load([student])).get(student)?.student.containers[0]
    if (bookContainer !== undefined && courseContainer !== undefined && this.#kinds.has('teacher_clue')) {
      const line = { courseContainer, bookContainer }
      const answers = await this.#ask(both, (one, algorithm) => one.teacherClues([{ ...line, algorithm }]))
      compared.push({ kind: 'teacher_clue', position, bookContainer, answers })
    }
    if (this.#kinds.has('worst_areas')) {
      const line = { student, exercisesMax: undefined }
      const answers = await this.#ask(both, (one, algorithm) => one.worstAreas([{ ...line, algorithm }]))
      compared.push({ kind: 'worst_areas', position, answers })
    }
    return compared
  }

  async #atAssignment(position: AssignmentPlace, both: Pair<Answers>): Promise<Compared[]> {
    const line = { assignment: position.assignment, exercisesMax: undefined }
    const compared: ComparedPicks[] = []
    if (this.#kinds.has('pe')) {
      const answers = await this.#ask(both, (one, algorithm) => one.assignmentPes([{ ...line, algorithm }]))
      compared.push({ kind: 'pe', position, answers })
    }
    for (const history of this.#kinds.has('spe') ? (['student_driven', 'instructor_driven'] as const) : []) {
      const answers = await this.#ask(both, (one, algorithm) =>
        one.assignmentSpes([{ ...line, algorithm: `${history}_${algorithm}` }]),
      )
      compared.push({ kind: `spe_${history}`, position, answers })
    }
    return compared.filter(isChosen)
  }

  /** One line asked of both, each by its own name. */
  async #ask<Answer>(
    [tried, against]: Pair<Answers>,
    ask: (answers: Answers, algorithm: string) => Promise<Answer[]>,
  ): Promise<Pair<Answer>> {
    const [one, other] = this.#algorithms
    const [first] = await ask(tried, one.name)
    const [second] = await ask(against, other.name)
    if (first === undefined || second === undefined) throw new RangeError('one line has one answer')
    return [first, second]
  }
}

/** Not what was assigned already, nor nothing because nothing was wanted: there both are alike by rule. */
function isChosen({ answers }: ComparedPicks): boolean {
  return answers.every(({ explanation }) => explanation === undefined || explanation.need === 'choose')
}
