import type { BookContainer, EcosystemCreation, Pool } from '#client/wire.ts'
import type { Naming } from './identity.ts'
import type { Study } from './study.ts'

/**
 * The study as a book, as a learning platform would import it: one book, chapters, pages. Every chapter and page has a
 * CLUE pool with all its exercises; pages add pools for reading, homework and practice. Pure.
 */
export interface DemoBook {
  readonly ecosystem: string
  readonly creation: EcosystemCreation
  readonly chapters: readonly DemoChapter[]
  /** Container uuid of each page of the study. */
  readonly pages: readonly string[]
  /** Exercise uuid of each question of the study. */
  readonly exercises: readonly string[]
  /** In the book, but given to nobody: one the administrator excludes, one group a teacher excludes. */
  readonly excluded: { readonly byAdministrator: string; readonly groupByTeacher: string }
}

export interface DemoChapter {
  readonly uuid: string
  readonly title: string
  readonly pages: readonly number[]
}

export function buildBook(study: Study, naming: Naming, importedAt: string): DemoBook {
  const ecosystem = naming('ecosystem')
  const pages = Array.from({ length: study.pageCount }, (_, page) => naming(`page/${page}`))
  const exercises = study.questions.map((question) => naming(`exercise/${question.label}`))
  const excluded = ['administrator', 'teacher'].map((by) => ({
    exercise_uuid: naming(`exercise/excluded by ${by}`),
    group_uuid: naming(`group/excluded by ${by}`),
    version: 1,
    los: [`cnxmod:${pages[0]!}`],
  }))
  const exercisesOfPage = gatherByPage(study, exercises)
  exercisesOfPage[0]!.push(...excluded.map((exercise) => exercise.exercise_uuid))
  const chapters = groupInChapters(study, naming)
  const book = naming('book')
  return {
    ecosystem,
    creation: {
      ecosystem_uuid: ecosystem,
      book: {
        cnx_identity: `${book}@1.1`,
        contents: [
          { container_uuid: book, container_parent_uuid: ecosystem, container_cnx_identity: `${book}@1.1`, pools: [] },
          ...chapters.flatMap((chapter) => chapterContents(chapter, { book, pages, exercisesOfPage })),
        ],
      },
      exercises: [
        ...study.questions.map((question, index) => ({
          exercise_uuid: exercises[index]!,
          group_uuid: naming(`group/${question.label}`),
          version: 1,
          los: question.pages.map((page) => `cnxmod:${pages[page]!}`),
        })),
        ...excluded,
      ],
      imported_at: importedAt,
    },
    chapters,
    pages,
    exercises,
    excluded: { byAdministrator: excluded[0]!.exercise_uuid, groupByTeacher: excluded[1]!.group_uuid },
  }
}

function gatherByPage(study: Study, exercises: readonly string[]): string[][] {
  const exercisesOfPage = Array.from({ length: study.pageCount }, (): string[] => [])
  study.questions.forEach((question, index) => {
    for (const page of question.pages) exercisesOfPage[page]!.push(exercises[index]!)
  })
  return exercisesOfPage
}

function groupInChapters(study: Study, naming: Naming): DemoChapter[] {
  const { pagesPerChapter } = study.shape
  return Array.from({ length: Math.ceil(study.pageCount / pagesPerChapter) }, (_, chapter) => {
    const first = chapter * pagesPerChapter
    const length = Math.min(pagesPerChapter, study.pageCount - first)
    return {
      uuid: naming(`chapter/${chapter}`),
      title: `chapter ${chapter + 1}`,
      pages: Array.from({ length }, (_, index) => first + index),
    }
  })
}

interface ChapterContext {
  readonly book: string
  readonly pages: readonly string[]
  readonly exercisesOfPage: readonly (readonly string[])[]
}

function chapterContents(chapter: DemoChapter, context: ChapterContext): BookContainer[] {
  const all = new Set(chapter.pages.flatMap((page) => context.exercisesOfPage[page]!))
  return [
    { container_uuid: chapter.uuid, container_parent_uuid: context.book, pools: [cluePool([...all])] },
    ...chapter.pages.map((page) => {
      const uuid = context.pages[page]!
      return {
        container_uuid: uuid,
        container_parent_uuid: chapter.uuid,
        container_cnx_identity: `${uuid}@1`,
        pools: pagePools(context.exercisesOfPage[page]!),
      }
    }),
  ]
}

/** Reading checks take every second exercise; homework and practice may use them all. */
function pagePools(exercises: readonly string[]): Pool[] {
  return [
    cluePool(exercises),
    pickPool(
      'reading',
      exercises.filter((_, index) => index % 2 === 0),
    ),
    pickPool('homework', exercises),
    pickPool('practice', exercises),
  ]
}

function cluePool(exercises: readonly string[]): Pool {
  return { use_for_clue: true, use_for_personalized_for_assignment_types: [], exercise_uuids: exercises }
}

function pickPool(type: string, exercises: readonly string[]): Pool {
  return { use_for_clue: false, use_for_personalized_for_assignment_types: [type], exercise_uuids: exercises }
}
