import { constants, getPriority, setPriority } from 'node:os'

/**
 * Lets everything else on the machine have the processor first, for work that nobody waits for. On Linux the priority
 * is the calling thread's, and that of threads it starts from then on; elsewhere it is the whole process's, which is
 * left as it is.
 */
export function letOthersGoFirst(): void {
  if (process.platform !== 'linux') return
  // A process that was started with less already keeps that: only the administrator could give more.
  setPriority(Math.max(getPriority(), constants.priority.PRIORITY_BELOW_NORMAL))
}
