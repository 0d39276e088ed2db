import type pg from 'pg'
import { type AnnouncedMap, closeMaps, indexMaps, type Mapping } from '#choose/mapping.ts'
import type { Ecosystem } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'
import { partsDefault } from '#domain/parts.ts'
import type { Answer, Assignment, Instant, Student } from '#domain/student.ts'
import {
  type CourseContainer,
  type CourseCursor,
  type CourseDetails,
  type CourseHead,
  type CourseLine,
  type CourseVersion,
  type Page,
  type PageQuery,
  readContainer,
  readContainersOf,
  readCourseDetails,
  readCourseHeads,
  readCoursePage,
  readMembers,
  readStudentPage,
  readStudents,
  type StudentPageQuery,
} from './read-course.ts'
import { type EcosystemLine, EcosystemReader } from './read-ecosystem.ts'
import {
  type AssignmentNews,
  type LatePosition,
  type Looked,
  readAssignmentNews,
  readContainerNews,
  readStudentNews,
  type StudentNews,
} from './read-news.ts'
import {
  readAnswers,
  readAssignments,
  readAssignmentsOf,
  readStudentVersions,
  type StudentKey,
  type StudentVersion,
} from './read-work.ts'
import { readTrainingCounts, readTrainingData, type TrainingAnswer, type TrainingCount } from './training.ts'

export type {
  AssignmentNews,
  CourseContainer,
  CourseCursor,
  CourseDetails,
  CourseHead,
  CourseLine,
  CourseVersion,
  EcosystemLine,
  LatePosition,
  Looked,
  Page,
  PageQuery,
  StudentKey,
  StudentNews,
  StudentPageQuery,
  StudentVersion,
  TrainingAnswer,
  TrainingCount,
}

/**
 * The read models, for answers at read time, training and the console. Unknown subjects are `undefined` or absent from
 * the map. Nothing is cached except what never changes (book editions) and the closure of the announced maps; the
 * versions tell callers cheaply whether what they keep is still current.
 */
export interface LearningReader {
  student(student: Uuid): Promise<Student | undefined>
  students(students: readonly Uuid[]): Promise<Map<Uuid, Student>>
  course(course: Uuid): Promise<CourseDetails | undefined>
  courses(courses: readonly Uuid[]): Promise<Map<Uuid, CourseDetails>>
  /** The container with its active students, in it or below it. */
  courseContainer(container: Uuid): Promise<{ container: CourseContainer; students: Student[] } | undefined>
  containersOf(course: Uuid): Promise<CourseContainer[]>
  /** Active students of a course. */
  studentsOf(course: Uuid): Promise<Student[]>

  assignment(assignment: Uuid): Promise<Assignment | undefined>
  assignments(assignments: readonly Uuid[]): Promise<Map<Uuid, Assignment>>
  assignmentsOf(student: StudentKey): Promise<Assignment[]>
  assignmentsOfMany(students: readonly StudentKey[]): Promise<Map<Uuid, Assignment[]>>
  /** In order of recording. */
  answersOf(student: StudentKey): Promise<Answer[]>
  answersOfMany(students: readonly StudentKey[]): Promise<Map<Uuid, Answer[]>>

  /** What is new since a caller looked at these students; without `looked`, everything. */
  studentNews(students: readonly Uuid[], looked: (student: Uuid) => Looked | undefined): Promise<StudentNews[]>
  /** The same of the students that these assignments belong to; assignments that are not known are absent. */
  assignmentNews(
    assignments: readonly Uuid[],
    looked: (assignment: Uuid) => Looked | undefined,
  ): Promise<AssignmentNews[]>
  /** The same of the active students in a course container; `undefined` when it is not known. */
  containerNews(container: Uuid, looked: readonly Looked[]): Promise<StudentNews[] | undefined>

  studentVersions(students: readonly StudentKey[]): Promise<Map<Uuid, StudentVersion>>

  ecosystem(ecosystem: Uuid): Promise<Ecosystem | undefined>
  ecosystemsOfContainers(bookContainers: readonly Uuid[]): Promise<Map<Uuid, Uuid>>
  /** Editions with an exercise group in common with this one, itself included; at most a second behind. */
  ecosystemsSharingGroups(ecosystem: Uuid): Promise<readonly Uuid[]>
  /** Images of containers in other editions; at most a second behind the newest announcement. */
  mapping(): Promise<Mapping>
  /** The maps it follows from, in the order of their first announcement, up to a time. */
  announcedMaps(until: Instant): Promise<AnnouncedMap[]>

  trainingCounts(): Promise<TrainingCount[]>
  trainingData(ecosystem: Uuid): Promise<TrainingAnswer[]>

  /** The next courses in key order, for walks over all of them. */
  courseHeads(after: CourseCursor, max: number): Promise<CourseHead[]>
  ecosystems(): Promise<Uuid[]>
  /** Exercise group → the editions that have it. */
  ecosystemsOfGroups(groups: readonly Uuid[]): Promise<Map<Uuid, Uuid[]>>

  coursePage(query: PageQuery): Promise<Page<CourseLine>>
  /** Also students who have left. */
  studentPage(query: StudentPageQuery): Promise<Page<Student>>
  /** All editions, newest first. */
  ecosystemLines(): Promise<EcosystemLine[]>
  counts(): Promise<LearningCounts>
}

export interface LearningCounts {
  readonly courses: number
  /** Active ones. */
  readonly students: number
  readonly ecosystems: number
  readonly answers: number
}

export interface LearningReaderOptions {
  readonly parts?: number
  /** For how long new editions and newly announced maps may be overlooked where editions are related to each other. */
  readonly editionsAgeMsMax?: number
}

export function openLearningReader(pool: pg.Pool, options: LearningReaderOptions = {}): LearningReader {
  const parts = options.parts ?? partsDefault
  const ageMsMax = options.editionsAgeMsMax ?? 1000
  const ecosystems = new EcosystemReader(pool, parts)
  const editions = keepFor(ageMsMax, () => ecosystems.count())
  const one = async <Key, Value>(key: Key, many: (keys: readonly Key[]) => Promise<Map<Key, Value>>) =>
    (await many([key])).get(key)
  const students = (keys: readonly Uuid[]) => readStudents(pool, keys)
  const courses = (keys: readonly Uuid[]) => readCourseDetails(pool, keys, parts)
  const assignments = (keys: readonly Uuid[]) => readAssignments(pool, keys)
  const ecosystemsOfContainers = (keys: readonly Uuid[]) => ecosystems.ecosystemsOfContainers(keys)
  return {
    students,
    student: (student) => one(student, students),
    courses,
    course: (course) => one(course, courses),
    courseContainer: (container) => readContainerWithStudents(pool, container, parts),
    containersOf: (course) => readContainersOf(pool, course, parts),
    studentsOf: (course) => readMembers(pool, { course, container: undefined, parts }),
    assignments,
    assignment: (assignment) => one(assignment, assignments),
    assignmentsOf: async (student) => (await readAssignmentsOf(pool, [student], parts)).get(student.uuid) ?? [],
    assignmentsOfMany: (keys) => readAssignmentsOf(pool, keys, parts),
    answersOf: async (student) => (await readAnswers(pool, [student], parts)).get(student.uuid) ?? [],
    answersOfMany: (keys) => readAnswers(pool, keys, parts),
    studentNews: (asked, looked) => readStudentNews(pool, asked, looked),
    assignmentNews: (asked, looked) => readAssignmentNews(pool, asked, looked),
    containerNews: (container, looked) => readContainerNews(pool, container, looked),
    studentVersions: (keys) => readStudentVersions(pool, keys, parts),
    ecosystem: (ecosystem) => ecosystems.ecosystem(ecosystem),
    ecosystemsOfContainers,
    ecosystemsSharingGroups: async (ecosystem) => ecosystems.sharing(ecosystem, await editions()),
    mapping: keepMapping(ecosystems, ageMsMax),
    announcedMaps: (until) => ecosystems.announcedMaps(until),
    trainingCounts: () => readTrainingCounts(pool, ecosystems),
    trainingData: (ecosystem) => readTrainingData(pool, ecosystems, { ecosystem, parts }),
    courseHeads: (after, max) => readCourseHeads(pool, after, { max, parts }),
    ecosystems: () => ecosystems.all(),
    ecosystemsOfGroups: (groups) => ecosystems.ofGroups(groups),
    coursePage: (query) => readCoursePage(pool, query),
    studentPage: (query) => readStudentPage(pool, query, parts),
    ecosystemLines: () => ecosystems.lines(),
    counts: () => readCounts(pool),
  }
}

async function readContainerWithStudents(
  pool: pg.Pool,
  uuid: Uuid,
  parts: number,
): Promise<{ container: CourseContainer; students: Student[] } | undefined> {
  const container = await readContainer(pool, uuid)
  if (container === undefined) return undefined
  return { container, students: await readMembers(pool, { course: container.course, container: uuid, parts }) }
}

function keepFor<Value>(ageMsMax: number, read: () => Promise<Value>): () => Promise<Value> {
  let kept: { readonly value: Value; readonly at: number } | undefined
  return async () => {
    const now = performance.now()
    if (kept === undefined || now - kept.at >= ageMsMax) kept = { value: await read(), at: now }
    return kept.value
  }
}

/** The closure is computed again only when the version of the stored maps has changed. */
function keepMapping(ecosystems: EcosystemReader, ageMsMax: number): () => Promise<Mapping> {
  const currentVersion = keepFor(ageMsMax, () => ecosystems.mapsVersion())
  let kept: { readonly version: string; readonly mapping: Mapping } | undefined
  return async () => {
    const version = await currentVersion()
    if (kept?.version !== version) {
      kept = { version, mapping: indexMaps(closeMaps(await ecosystems.announcedMaps())) }
    }
    return kept.mapping
  }
}

async function readCounts(pool: pg.Pool): Promise<LearningCounts> {
  const found = await pool.query<LearningCounts>(
    `select
       (select count(*) from learning_course)::float8 as courses,
       (select count(*) from learning_student where is_active)::float8 as students,
       (select count(*) from learning_ecosystem)::float8 as ecosystems,
       (select coalesce(sum(answers), 0) from learning_activity)::float8 as answers`,
  )
  return found.rows[0] ?? { courses: 0, students: 0, ecosystems: 0, answers: 0 }
}
