import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BookContainer } from '#domain/ecosystem.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { bookOrder } from './book-order.ts'

const uuid = (n: number): Uuid => toUuid(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`)
const container = (n: number, parent?: number): BookContainer => ({
  uuid: uuid(n),
  parent: parent === undefined ? undefined : uuid(parent),
  pools: [],
})
const labels = (containers: readonly BookContainer[]): string[] =>
  bookOrder(containers).map((line) => `${'>'.repeat(line.depth)}${line.kind} ${line.number}`.trim())

test('chapters and pages are numbered in book order, pages outside chapters on their own', () => {
  const book = [container(1), container(2, 1), container(3, 1), container(4, 3), container(5, 3), container(6, 1)]
  assert.deepEqual(labels([...book, container(7, 6)]), [
    'book',
    '>page 1',
    '>chapter 1',
    '>>page 1.1',
    '>>page 1.2',
    '>chapter 2',
    '>>page 2.1',
  ])
})

test('units keep one run of chapter numbers through the book', () => {
  const book = [container(1), container(2, 1), container(3, 2), container(4, 3), container(5, 1), container(6, 5)]
  assert.deepEqual(labels([...book, container(7, 6)]), [
    'book',
    '>unit 1',
    '>>chapter 1',
    '>>>page 1.1',
    '>unit 2',
    '>>chapter 2',
    '>>>page 2.1',
  ])
})

test('children stand below their parent even when they are listed before it', () => {
  assert.deepEqual(labels([container(3, 2), container(2, 1), container(1)]), ['book', '>chapter 1', '>>page 1.1'])
})

test('an unknown parent or itself as parent makes a root; several roots have no book line', () => {
  assert.deepEqual(labels([container(1, 1), container(2, 1), container(3, 99)]), ['chapter 1', '>page 1.1', 'page 1'])
})

test('containers that are the parent of each other are left out instead of looping', () => {
  assert.deepEqual(labels([container(1), container(2, 3), container(3, 2)]), ['page 1'])
})
