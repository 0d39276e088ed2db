#!/usr/bin/env node
import { useSmallSlabs } from '#platform/buffer-slabs.ts'
import { ConfigurationError, exitConfiguration } from '#platform/config.ts'
import { createProgram } from './program.ts'

/*
 * The one entry point. Configuration that can not work ends with code 78 and the next step; everything unexpected ends
 * with code 1 and its stack.
 */
useSmallSlabs()
try {
  await createProgram().parseAsync()
} catch (error) {
  if (error instanceof ConfigurationError) {
    process.stderr.write(`biglearn: ${error.message}\n  next: ${error.nextStep}\n`)
    process.exit(exitConfiguration)
  }
  process.stderr.write(`biglearn: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
