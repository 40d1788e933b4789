/**
 * Figures from events, and how many waits are under way. Each has its unit in the attribute `unit`, where Effect's exporters look for it.
 *
 * | metric | kind | unit | attributes |
 * | --- | --- | --- | --- |
 * | `ciba.client.authentications.pending` | gauge | `{authentication}` | – |
 * | `ciba.client.decisions` | counter | `{authentication}` | `ciba.outcome` |
 * | `ciba.client.decision.duration` | histogram | `s` | `ciba.outcome` |
 * | `ciba.client.decision.polls` | histogram | `{poll}` | `ciba.outcome` |
 * | `ciba.client.faults` | counter | `{fault}` | `error.type` |
 */
import { Effect, Metric } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import type { CibaEvent } from "./CibaEvent.ts"

/** Waits that are under way in this process: what nobody waits for here, another process may wait for. */
export const pending: Metric.Gauge<number> = Metric.gauge("ciba.client.authentications.pending", {
  description: "Authentications whose decision is waited for in this process",
  attributes: { unit: "{authentication}" }
})

/** How waits ended. */
export const decisions: Metric.Counter<number> = Metric.counter("ciba.client.decisions", {
  description: "Authentications that were decided, by outcome",
  attributes: { unit: "{authentication}" },
  incremental: true
})

/** How long they took. */
export const duration: Metric.Histogram<number> = Metric.histogram("ciba.client.decision.duration", {
  description: "Time from acknowledgement, or resumption, to decision",
  attributes: { unit: "s" },
  boundaries: [1, 2, 5, 10, 20, 30, 60, 120, 300, 600]
})

/** How many polls they took. */
export const polls: Metric.Histogram<number> = Metric.histogram("ciba.client.decision.polls", {
  description: "Polls from acknowledgement, or resumption, to decision",
  attributes: { unit: "{poll}" },
  boundaries: [0, 1, 2, 5, 10, 20, 50, 100]
})

/** What was ridden out. */
export const faults: Metric.Counter<number> = Metric.counter("ciba.client.faults", {
  description: "Polls that failed and were ridden out, by kind",
  attributes: { unit: "{fault}" },
  incremental: true
})

/** What is known of a wait that is under way. */
export interface WaitStatistics {
  /** On the monotonic clock, in milliseconds. */
  readonly since: number
  readonly polls: number
}

/** Counts an event; the tally is that of its wait. */
export const record = Effect.fnUntraced(function* (event: CibaEvent, tally: WaitStatistics): Effect.fn.Return<void> {
  if (event._tag === "PollFailed") {
    yield* Metric.update(Metric.withAttributes(faults, { "error.type": event.kind }), 1)
  }
  if (event._tag !== "Completed") return
  const outcome = { "ciba.outcome": event.outcome }
  const seconds = Math.round((yield* monotonicNow) - tally.since) / 1000
  yield* Metric.update(Metric.withAttributes(decisions, outcome), 1)
  yield* Metric.update(Metric.withAttributes(duration, outcome), seconds)
  yield* Metric.update(Metric.withAttributes(polls, outcome), tally.polls)
})
