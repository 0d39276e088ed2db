import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { CsvError, parse } from 'csv-parse'
import type { Learner, Question, Study } from './study.ts'

/**
 * Reads a file of answers (CSV, also gzipped) as a study. Columns: learner, question, concept, correct, order; a
 * concept is one page of the book, several are joined by `;`. The file is streamed; a mistake names file, line and
 * column.
 */
export class AnswersFileError extends Error {
  override readonly name = 'AnswersFileError'
}

const columns = ['learner', 'question', 'concept', 'correct', 'order'] as const
type Column = (typeof columns)[number]
type Row = { readonly [column in Column]: string }

export interface AnswersFileOptions {
  readonly path: string
  /** Only the first so many learners of the file. */
  readonly studentsMax: number | undefined
}

/** Courses of a size that one roster takes; a page for each concept. */
const shape = { pagesPerChapter: 10, studentsPerCourse: 300, studentsPerPeriod: 30, exercisesPerAssignment: 50 }

export interface AnswersFileStudy extends Study {
  /** The concept of the file that each page stands for. */
  readonly concepts: readonly number[]
}

export async function readAnswersFile(options: AnswersFileOptions): Promise<AnswersFileStudy> {
  const hash = createHash('sha256')
  const collector = createCollector(options)
  const parser = parse({ columns: (header: string[]) => checkHeader(header, options.path), bom: true, info: true })
  const source = createReadStream(options.path).on('data', (chunk) => hash.update(chunk))
  const unzip = options.path.endsWith('.gz') ? createGunzip() : new PassThrough()
  try {
    await Promise.all([
      pipeline(source, unzip, parser),
      (async () => {
        for await (const { record, info } of parser as Readable & AsyncIterable<ParsedRecord>) {
          collector.add(record, info.lines)
        }
      })(),
    ])
  } catch (error) {
    throw asFileError(error, options.path)
  }
  const fingerprint = `answers/${hash.digest('hex')}/${options.studentsMax ?? 'all'}`
  return { name: basename(options.path), fingerprint, shape, ...collector.finish() }
}

interface ParsedRecord {
  readonly record: Row
  readonly info: { readonly lines: number }
}

function checkHeader(header: readonly string[], path: string): string[] {
  const names = header.map((name) => name.trim())
  for (const column of columns) {
    if (!names.includes(column)) throw new AnswersFileError(`${path}: line 1: column "${column}" is missing`)
  }
  return names
}

/** Gathers rows by learner and question, whatever the order of the rows. */
function createCollector(options: AnswersFileOptions) {
  const answersOfLearner = new Map<number, { order: number; question: number; isCorrect: boolean }[]>()
  const indexOfQuestion = new Map<number, number>()
  const questions: { label: number; concepts: string; pages: number[] }[] = []
  const pageOfConcept = new Map<number, number>()

  function questionOf(row: Row, where: Where): number {
    const label = integer(row, 'question', where)
    const known = indexOfQuestion.get(label)
    if (known !== undefined) {
      const expected = questions[known]!.concepts
      if (row.concept !== expected) fail(where, 'concept', `"${row.concept}" differs from "${expected}" before`)
      return known
    }
    if (!/^\d+(;\d+)*$/.test(row.concept)) fail(where, 'concept', `"${row.concept}" is not integers joined by ;`)
    const concepts = [...new Set(row.concept.split(';').map(Number))]
    const pages = concepts.map((concept) => indexIn(pageOfConcept, concept))
    questions.push({ label, concepts: row.concept, pages })
    indexOfQuestion.set(label, questions.length - 1)
    return questions.length - 1
  }

  return {
    add(row: Row, line: number): void {
      const where = { path: options.path, line }
      const learner = integer(row, 'learner', where)
      if (!answersOfLearner.has(learner)) {
        if (answersOfLearner.size === options.studentsMax) return
        answersOfLearner.set(learner, [])
      }
      const order = integer(row, 'order', where)
      if (row.correct !== '0' && row.correct !== '1') fail(where, 'correct', `"${row.correct}" is neither 0 nor 1`)
      const question = questionOf(row, where)
      answersOfLearner.get(learner)!.push({ order, question, isCorrect: row.correct === '1' })
    },

    finish(): Pick<AnswersFileStudy, 'questions' | 'pageCount' | 'concepts' | 'learners'> {
      if (questions.length === 0) throw new AnswersFileError(`${options.path}: no answers in the file`)
      const learners = [...answersOfLearner].map(([label, answers]): Learner => {
        answers.sort((one, other) => one.order - other.order)
        return { label, answers: answers.map(({ question, isCorrect }) => ({ question, isCorrect })) }
      })
      return {
        questions: questions.map(({ label, pages }): Question => ({ label, pages })),
        pageCount: pageOfConcept.size,
        concepts: [...pageOfConcept.keys()],
        learners,
      }
    },
  }
}

interface Where {
  readonly path: string
  readonly line: number
}

function integer(row: Row, column: Column, where: Where): number {
  const text = row[column]
  if (!/^\d{1,9}$/.test(text)) fail(where, column, `"${text.slice(0, 40)}" is not an integer from 0`)
  return Number(text)
}

function fail(where: Where, column: Column, reason: string): never {
  throw new AnswersFileError(`${where.path}: line ${where.line}, column "${column}": ${reason}`)
}

function indexIn(indices: Map<number, number>, key: number): number {
  const index = indices.get(key) ?? indices.size
  indices.set(key, index)
  return index
}

function asFileError(error: unknown, path: string): Error {
  if (error instanceof AnswersFileError) return error
  if (error instanceof CsvError) return new AnswersFileError(`${path}: ${error.message}`, { cause: error })
  const reason = error instanceof Error ? error.message : String(error)
  return new AnswersFileError(`${path}: cannot be read: ${reason}`, { cause: error })
}
