// When polls came: none too early, and how late the others.
import type { Evidence } from "../Evidence.ts"
import type { TokenRequest } from "../Log.ts"
import { leaseOf } from "../Settings.ts"
import type { SoFar } from "./Approvals.ts"
import { atMost, type Figure, groupBy, none, percentile, show } from "./Figure.ts"
import { claimLifetime, isFromFrozen } from "./Frozen.ts"
import { isHeldUp, judgeMeasure } from "./Measure.ts"

/** Two polls for one authentication, one after the other. */
interface Pair {
  readonly first: TokenRequest
  readonly next: TokenRequest
  /** Whether a ping was sent between the two: the next poll answers that. */
  readonly isPinged: boolean
}

const pairsOf = ({ log }: SoFar): ReadonlyArray<Pair> => {
  const pings = groupBy(log.pings, ({ authReqId }) => authReqId)
  return [...groupBy(log.tokenRequests, ({ authReqId }) => authReqId)].flatMap(([authReqId, requests]) =>
    requests.slice(1).flatMap((next, index): ReadonlyArray<Pair> => {
      const first = requests[index]
      if (first === undefined) return []
      const isPinged = (pings.get(authReqId) ?? []).some(
        ({ sentAt }) => sentAt >= first.arrivedAt && sentAt <= next.arrivedAt
      )
      return [{ first, next, isPinged }]
    })
  )
}

/** What comes sooner than the interval after the response before, or while that is under way. */
const isEarly =
  ({ settings: { interval } }: SoFar) =>
  ({ first, isPinged, next }: Pair): boolean =>
    !isPinged && next.arrivedAt - (first.sentAt ?? first.arrivedAt) < interval * 1000

export const findEarly = (evidence: SoFar): ReadonlyArray<Pair> => {
  const isFrozen = isFromFrozen(evidence.faults)
  return pairsOf(evidence)
    .filter(isEarly(evidence))
    .filter(({ next }) => !isFrozen(next))
}

/** Those that are too early because their machine was frozen when it had begun them. */
const findFrozen = (evidence: SoFar): ReadonlyArray<Pair> => {
  const isFrozen = isFromFrozen(evidence.faults)
  return pairsOf(evidence)
    .filter(isEarly(evidence))
    .filter(({ next }) => isFrozen(next))
}

interface Lateness {
  /** In milliseconds. */
  readonly late: number
  readonly next: TokenRequest
  /** When the machines went away that had claimed its wait, one after the other. */
  readonly held: ReadonlyArray<number>
}

/**
 * How late a poll came that follows `authorization_pending`; nothing while PostgreSQL is away, and after a ping. Where a second machine went away
 * with a wait, it is counted from then: each of them has a lease.
 */
const latenessOf = (evidence: Evidence): ReadonlyArray<Lateness> => {
  const { faults, rows, settings } = evidence
  const ids = new Map(rows.map(({ authReqId, id }) => [authReqId, id]))
  const pause = { poll: settings.interval, ping: Math.max(settings.interval, settings.pingFallback) }
  return pairsOf(evidence).flatMap(({ first, isPinged, next }): ReadonlyArray<Lateness> => {
    if (first.error !== "authorization_pending" || first.sentAt === undefined || isPinged) return []
    const due = first.sentAt + pause[first.mode] * 1000
    if (isHeldUp(evidence, due, next.arrivedAt)) return []
    const id = ids.get(first.authReqId) ?? ""
    const { sentAt } = first
    const near = faults.filter(({ at }) => at > sentAt - 1000 && at < next.arrivedAt)
    // A later fault finds the claim of a machine that went away before: another holder has another claim.
    const held = near.flatMap(({ at, inFlight }, index) => {
      const claimedAt = inFlight.get(id)
      const isKnown = near.slice(0, index).some((before) => before.inFlight.get(id) === claimedAt)
      return claimedAt === undefined || isKnown ? [] : [at]
    })
    return [{ late: next.arrivedAt - Math.max(due, ...held.slice(1)), next, held }]
  })
}

/** Each is one whose machine was frozen while it wrote that request, for a tenth of a millisecond. */
const frozenLimit = 3

/** In milliseconds. A wait of a dead machine was claimed as late as that, and its successor's claim is once more. */
const latenessLimit = 500

/** Nothing is polled without the database but what was claimed before, and soon again with it. */
const outageFigures = ({ log, outage }: Evidence): ReadonlyArray<Figure> => {
  const during = log.tokenRequests.filter(({ arrivedAt }) => arrivedAt > outage.from && arrivedAt < outage.to)
  const after = log.tokenRequests.filter(({ arrivedAt }) => arrivedAt >= outage.to)
  const first = Math.min(...after.map(({ arrivedAt }) => arrivedAt))
  const inTime = during.filter(({ arrivedAt }) => arrivedAt <= outage.from + claimLifetime)
  const warnings = Object.values(outage.warnings).map(({ length }) => length)
  return [
    show("PostgreSQL stopped: polls that were claimed before", `${inTime.length}`),
    none(
      "PostgreSQL stopped: polls meanwhile",
      during.filter((request) => !inTime.includes(request))
    ),
    atMost("PostgreSQL started again: first poll after", (first - outage.to) / 1000, 5, "s", 2),
    {
      title: "PostgreSQL stopped: warnings of each worker",
      value: [...new Set(warnings)].sort().join(", "),
      limit: "1",
      holds: warnings.every((count) => count === 1)
    }
  ]
}

/** How late a poll may be whose wait a dead or frozen machine had, in milliseconds. */
const heldLimit = ({ settings }: Evidence): number => leaseOf(settings) + 2 * latenessLimit

const describeEarly = ({ first, next }: Pair): string => {
  const end = first.sentAt === undefined ? "without a response" : `${(next.arrivedAt - first.sentAt).toFixed(0)} ms`
  const after = `${(next.arrivedAt - first.arrivedAt).toFixed(0)} ms after that of ${first.machine}, ${end} after its response`
  return `${first.mode}: ${next.machine} polled at ${next.arrivedAt.toFixed(0)}, ${after}`
}

const describeLate = ({ held, late, next }: Lateness): string => {
  const before = held.map((at) => `${(next.arrivedAt - at).toFixed(0)} ms`).join(" and ")
  return `${next.mode}: ${next.machine} polled ${late.toFixed(0)} ms late; its wait was held ${before} before`
}

/** The polls that are too early, each in a line. */
export const explainEarly = (evidence: SoFar): ReadonlyArray<string> => findEarly(evidence).map(describeEarly)

/** And those that are too late after a fault. */
export const explain = (evidence: Evidence): ReadonlyArray<string> => [
  ...explainEarly(evidence),
  ...latenessOf(evidence)
    .filter(({ held, late }) => held.length > 0 && late > heldLimit(evidence))
    .map(describeLate)
]

export const figures = (evidence: Evidence): ReadonlyArray<Figure> => {
  const lateness = latenessOf(evidence)
  const isFrozen = isFromFrozen(evidence.faults)
  const others = lateness.filter(({ held }) => held.length === 0).map(({ late }) => late)
  const inFlight = lateness.filter(({ held }) => held.length > 0).map(({ late }) => late)
  return [
    show("timers of the provider late, p99", `${percentile(evidence.log.timerDelays, 0.99).toFixed(0)} ms`),
    show("polls", `${evidence.log.tokenRequests.length}`),
    none("polls too early", findEarly(evidence)),
    atMost(
      "polls too early that a frozen machine had begun (not promised)",
      findFrozen(evidence).length,
      frozenLimit,
      ""
    ),
    none(
      "`slow_down` of the provider",
      evidence.log.tokenRequests.filter((request) => request.error === "slow_down" && !isFrozen(request))
    ),
    show("polls late, median", `${percentile(others, 0.5).toFixed(0)} ms`),
    judgeMeasure(evidence, atMost("polls late, p99", percentile(others, 0.99), latenessLimit, "ms")),
    judgeMeasure(
      evidence,
      atMost(
        `polls late whose wait a dead or frozen machine had (${inFlight.length}), at most`,
        Math.max(0, ...inFlight) / 1000,
        heldLimit(evidence) / 1000,
        "s",
        1
      )
    ),
    ...outageFigures(evidence)
  ]
}
