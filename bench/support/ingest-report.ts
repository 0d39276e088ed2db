import { percentile, round } from './figures.ts'
import type { IngestResult } from './ingest-load.ts'
import type { Used } from './meter.ts'
import { type BenchDatabase, type Product, startProduct } from './product.ts'

/* What the three ways to measure ingest have in common: their options, the server processes, and the line. */
export interface IngestOptions {
  readonly seconds: number
  readonly shapes: readonly string[]
  readonly seed: number
  readonly roles: string
  /** API processes; connections take them in turn. */
  readonly processes: number
  /** Send at this rate, whatever becomes of it, instead of as fast as answers come back. */
  readonly answersPerSecond?: number
  /** Preload, then measure over two checkpoints. */
  readonly steady: boolean
  readonly preload: number
  readonly preloadSeconds: number
  readonly checkpointSeconds: number
}

/** Until the compiler has seen the hot path and rests; its threads count as the server's CPU. */
export const warmUpSeconds = 6

export async function withProducts<Result>(
  database: BenchDatabase,
  { roles, processes }: Pick<IngestOptions, 'roles' | 'processes'>,
  work: (products: readonly Product[]) => Promise<Result>,
): Promise<Result> {
  const products: Product[] = []
  try {
    while (products.length < processes) products.push(await startProduct(database.url, roles))
    return await work(products)
  } finally {
    await Promise.all(products.map((product) => product.stop()))
  }
}

export function report(
  name: string,
  measured: IngestResult & Used,
  { roles, seed, processes }: Pick<IngestOptions, 'roles' | 'seed' | 'processes'>,
): object {
  const micros = (seconds: number): number => round((seconds * 1e6) / measured.answers, 2)
  return {
    bench: 'ingest',
    shape: name,
    processes,
    answers: measured.answers,
    seconds: round(measured.seconds, 2),
    answers_per_second: Math.round(measured.answers / measured.seconds),
    p50_ms: round(percentile(measured.latencies, 0.5), 2),
    p99_ms: round(percentile(measured.latencies, 0.99), 2),
    answers_per_commit: round(measured.answers / measured.commits, 1),
    wal_bytes_per_answer: round(measured.walBytes / measured.answers, 1),
    stored_bytes_per_answer: round(measured.storedBytes / measured.answers, 1),
    api_cpu_us_per_answer: micros(measured.apiCpuSeconds),
    postgres_cpu_us_per_answer: micros(measured.postgresCpuSeconds),
    generator_cpu_us_per_answer: micros(measured.generatorCpuSeconds),
    roles,
    seed,
  }
}
