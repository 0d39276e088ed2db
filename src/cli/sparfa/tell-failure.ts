import { AnswersFileError } from '../demo/answers-file.ts'

/** What a user can mend, a file with a mistake or a folder that cannot be written, is told without a stack. */
export async function tellFailure(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof AnswersFileError || isSystemError(error))) throw error
    process.stderr.write(`biglearn sparfa: ${error.message}\n`)
    process.exitCode = 1
  }
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
