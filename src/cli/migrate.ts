import { Command } from 'commander'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { requireDatabaseUrl } from './serve/options.ts'

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('apply the migrations that the database at DATABASE_URL lacks; safe to run twice or at once')
    .action(async () => {
      const applied = await migrate(requireDatabaseUrl(process.env), await readMigrations(), (line) => {
        process.stderr.write(`biglearn: ${line}\n`)
      })
      for (const { number, name } of applied) process.stdout.write(`applied ${number} ${name}\n`)
      if (applied.length === 0) process.stdout.write('nothing to apply\n')
    })
}
