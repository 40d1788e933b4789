/** Updates the metrics of waits. */
import { type Context, Metric } from "effect"
import * as CibaMetrics from "./CibaMetrics.ts"

/** How a wait was decided. */
export interface Decision {
  readonly outcome: string
  readonly seconds: number
  readonly polls: number
}

/** Updates the metrics. Their attributes are made once for each outcome and kind. */
export interface MetricRecorder {
  readonly recordFault: (kind: string, context: Context.Context<never>) => void
  readonly recordDecision: (decision: Decision, context: Context.Context<never>) => void
}

export const make = (): MetricRecorder => {
  const faultsOf = cache((kind) => Metric.withAttributes(CibaMetrics.faults, { "error.type": kind }))
  const decisionsOf = cache((outcome) => {
    const attributes = { "ciba.outcome": outcome }
    return {
      decisions: Metric.withAttributes(CibaMetrics.decisions, attributes),
      duration: Metric.withAttributes(CibaMetrics.duration, attributes),
      polls: Metric.withAttributes(CibaMetrics.polls, attributes)
    }
  })
  return {
    recordFault: (kind, context) => faultsOf(kind).updateUnsafe(1, context),
    recordDecision: ({ outcome, polls, seconds }, context) => {
      const metrics = decisionsOf(outcome)
      metrics.decisions.updateUnsafe(1, context)
      metrics.duration.updateUnsafe(seconds, context)
      metrics.polls.updateUnsafe(polls, context)
    }
  }
}

const cache = <A>(make: (name: string) => A): ((name: string) => A) => {
  const made = new Map<string, A>()
  return (name) => {
    const value = made.get(name) ?? make(name)
    made.set(name, value)
    return value
  }
}
