import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'

/** Metrics of the HTTP interface. No ids as labels; the children of a route are looked up once per status. */
export interface ApiMetrics {
  readonly registry: Registry
  forRoute(route: string): RouteMetrics
}

export interface RouteMetrics {
  answered(status: number, seconds: number): void
  softLimitExceeded(): void
  behind(): void
}

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25]

export function createMetrics(registry: Registry = new Registry()): ApiMetrics {
  const requests = new Counter({
    name: 'biglearn_http_requests_total',
    help: 'Requests answered, by route and status',
    labelNames: ['route', 'status'],
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'biglearn_http_request_duration_seconds',
    help: 'Time from the head of the request to its answer, by route',
    labelNames: ['route'],
    buckets: secondsBuckets,
    registers: [registry],
  })
  const softLimits = new Counter({
    name: 'biglearn_http_soft_limit_exceeded_total',
    help: 'Requests accepted although they exceed a limit the original declared, by route',
    labelNames: ['route'],
    registers: [registry],
  })
  const behind = new Counter({
    name: 'biglearn_answers_behind_total',
    help: 'Answers that lack something which was in the log when they were asked for, by route',
    labelNames: ['route'],
    registers: [registry],
  })
  return {
    registry,
    forRoute(route) {
      const byStatus = new Map<number, ReturnType<typeof requests.labels>>()
      const duration = durations.labels(route)
      const softLimitCounter = softLimits.labels(route)
      return {
        answered(status, seconds) {
          let counter = byStatus.get(status)
          if (counter === undefined) {
            counter = requests.labels(route, String(status))
            byStatus.set(status, counter)
          }
          counter.inc()
          duration.observe(seconds)
        },
        softLimitExceeded: () => softLimitCounter.inc(),
        behind: () => behind.inc({ route }),
      }
    },
  }
}

/** Process and runtime figures; once a process, so the caller decides on which registry. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
}

/** Receipts of exercises; the counters are the queue's own, read when somebody asks. */
export function collectReceipts(
  registry: Registry,
  counters: { readonly written: number; readonly dropped: number },
): void {
  new Counter({
    name: 'biglearn_receipts_total',
    help: 'Receipts of exercises that were handed out, by outcome: written, or dropped because too many waited or writing failed',
    labelNames: ['outcome'],
    registers: [registry],
    collect() {
      this.reset()
      this.inc({ outcome: 'written' }, counters.written)
      this.inc({ outcome: 'dropped' }, counters.dropped)
    },
  })
}

export function collectStudentRecords(
  registry: Registry,
  counters: { readonly current: number; readonly continued: number; readonly read: number },
): void {
  new Counter({
    name: 'biglearn_student_records_total',
    help: 'Records of students that were asked for, by how they were found: current, continued with what was new, or read whole',
    labelNames: ['outcome'],
    registers: [registry],
    collect() {
      this.reset()
      for (const outcome of ['current', 'continued', 'read'] as const) this.inc({ outcome }, counters[outcome])
    },
  })
}
