/**
 * The metrics of the flow. Each has its unit in the attribute `unit`, from which Effect's exporters take it.
 *
 * **Details**
 *
 * | metric | kind | unit | attributes |
 * | --- | --- | --- | --- |
 * | `ciba.client.authentications.pending` | gauge | `{authentication}` | – |
 * | `ciba.client.decisions` | counter | `{authentication}` | `ciba.outcome` |
 * | `ciba.client.decision.duration` | histogram | `s` | `ciba.outcome` |
 * | `ciba.client.decision.polls` | histogram | `{poll}` | `ciba.outcome` |
 * | `ciba.client.faults` | counter | `{fault}` | `error.type` |
 *
 * **Example** (Reading a metric)
 *
 * ```ts
 * import { CibaMetrics } from "@effect-ciba/core"
 * import { Effect, Metric } from "effect"
 *
 * const pending = Effect.map(Metric.value(CibaMetrics.pending), ({ value }) => value)
 *
 * Effect.runSync(pending) // => 0
 * ```
 *
 * @see OpenTelemetry semantic conventions, for the attribute `error.type`
 */
import { Metric } from "effect"

/**
 * The waits of this process for a response. An authentication that is stored and not resumed is not counted.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const pending: Metric.Gauge<number> = Metric.gauge("ciba.client.authentications.pending", {
  description: "Authentications that this process waits for",
  attributes: { unit: "{authentication}" }
})

/**
 * Completed waits, by outcome.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const decisions: Metric.Counter<number> = Metric.counter("ciba.client.decisions", {
  description: "Authentications that were decided, by outcome",
  attributes: { unit: "{authentication}" },
  incremental: true
})

/**
 * The duration of completed waits, by outcome.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const duration: Metric.Histogram<number> = Metric.histogram("ciba.client.decision.duration", {
  description: "Time from acknowledgement, or resumption, to decision",
  attributes: { unit: "s" },
  boundaries: [1, 2, 5, 10, 20, 30, 60, 120, 300, 600]
})

/**
 * The number of polls of completed waits, by outcome.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const polls: Metric.Histogram<number> = Metric.histogram("ciba.client.decision.polls", {
  description: "Polls from acknowledgement, or resumption, to decision",
  attributes: { unit: "{poll}" },
  boundaries: [0, 1, 2, 5, 10, 20, 50, 100]
})

/**
 * Failed polls that did not end a wait, by the kind of the fault.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const faults: Metric.Counter<number> = Metric.counter("ciba.client.faults", {
  description: "Polls that failed and after which the wait continued, by kind",
  attributes: { unit: "{fault}" },
  incremental: true
})
