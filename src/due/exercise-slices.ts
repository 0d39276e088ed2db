import type { Uuid } from '#domain/ids.ts'

/** A million exercises in one statement would come close to its time-out. */
const exercisesPerStatement = 50_000

/** Rows with lists of exercises, cut into as many as one statement writes; a row alone may hold more. */
export function exerciseSlices<Row extends { readonly exercises: readonly Uuid[] }>(rows: readonly Row[]): Row[][] {
  const slices: Row[][] = []
  let exercises = exercisesPerStatement
  for (const row of rows) {
    if (exercises >= exercisesPerStatement) {
      slices.push([])
      exercises = 0
    }
    slices.at(-1)?.push(row)
    exercises += 1 + row.exercises.length
  }
  return slices
}
