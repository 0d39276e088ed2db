import type { Assigned } from '#answers/answers.ts'

/** Ours: what a line that asked for `assigned` was answered by; nothing for lines that named an algorithm. */
export function assignedOf({ assigned }: { readonly assigned?: Assigned }): object {
  if (assigned === undefined) return {}
  const { algorithm, experiment } = assigned
  return { algorithm_name: algorithm, ...(experiment && { experiment }) }
}
