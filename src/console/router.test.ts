import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type KnownPage, pageOf, pathOf } from './router.ts'

const course = '0b0e7c1e-5b0f-4b53-9b0a-0d6c3c1f2a10'
const uuid = 'f5f5c1de-0c3c-4f0c-8a43-9a3b8a1f7b22'

test('each page has one address and is found again by it', () => {
  const pages: KnownPage[] = [
    { name: 'overview' },
    { name: 'operations' },
    { name: 'matrix', matrix: uuid },
    { name: 'basis', course, student: uuid, container: course },
    { name: 'assignments', course, student: uuid },
    { name: 'assignments', course, student: uuid, assignment: course },
    { name: 'course', course, subject: { kind: 'class' } },
    { name: 'course', course, subject: { kind: 'student', uuid } },
    { name: 'course', course, subject: { kind: 'container', uuid } },
    { name: 'stream', course },
  ]
  for (const page of pages) assert.deepEqual(pageOf(pathOf(page)), page)
})

test('the root, doubled and trailing slashes and upper case lead to the same pages', () => {
  assert.deepEqual(pageOf('/'), { name: 'overview' })
  assert.deepEqual(pageOf('//console/'), { name: 'overview' })
  assert.deepEqual(pageOf(`/console/courses/${course.toUpperCase()}/`), pageOf(`/console/courses/${course}`))
})

test('anything else is unknown', () => {
  const tails = ['', '/nonsense', `/${course}/nonsense`, `/${course}/students`, `/${course}/students/7`]
  for (const tail of [...tails, `/${course}/stream/x`]) assert.equal(pageOf(`/console/courses${tail}`).name, 'unknown')
  for (const path of ['/elsewhere', '/console/constructor', '/console/matrices', '/console/*']) {
    assert.equal(pageOf(path).name, 'unknown')
  }
})
