// What became of the approvals: asked once, redeemed once, stored once.
import type { Evidence, Row } from "../Evidence.ts"
import type { Fault } from "../Faults.ts"
import type { TokenRequest } from "../Log.ts"
import { leaseOf } from "../Settings.ts"
import { atMost, type Figure, groupBy, none, percentile, show } from "./Figure.ts"
import { isFromFrozen } from "./Frozen.ts"
import { judgeMeasure } from "./Measure.ts"

/** How long after it was sent a response may not be stored yet, in milliseconds. */
const writing = 2000

/** Whether its machine was killed, frozen or cut off after it was sent, and before its response can have been stored. */
const wasInFlight =
  (faults: ReadonlyArray<Fault>) =>
  ({ arrivedAt, machine, sentAt }: TokenRequest): boolean =>
    sentAt === undefined ||
    faults.some(
      (fault) =>
        fault.kind !== "cut" && fault.machine === machine && fault.endedAt >= arrivedAt && fault.at <= sentAt + writing
    )

interface Redeemed {
  readonly isInFlight: boolean
  /** Whether the provider was asked for it again. */
  readonly isRepeated: boolean
  readonly row: Row | undefined
  readonly accessToken: string | undefined
}

/** What is known while a run goes on. */
export type SoFar = Pick<Evidence, "faults" | "log" | "rows" | "settings">

const findRedeemed = ({ faults, log, rows }: SoFar): ReadonlyArray<Redeemed> => {
  const rowOf = new Map(rows.map((row) => [row.authReqId, row]))
  const isInFlight = wasInFlight(faults)
  const isFrozen = isFromFrozen(faults)
  return [...groupBy(log.tokenRequests, ({ authReqId }) => authReqId)].flatMap(([authReqId, requests]) => {
    const index = requests.findIndex(({ status }) => status === 200)
    const redeemed = requests[index]
    return redeemed === undefined
      ? []
      : [
          {
            isInFlight: isInFlight(redeemed),
            isRepeated: requests.slice(index + 1).some((request) => !isFrozen(request)),
            row: rowOf.get(authReqId),
            accessToken: log.accessTokens[authReqId]
          }
        ]
  })
}

const isStored = ({ accessToken, row }: Redeemed): boolean =>
  row?.outcome === "Verified" && row.accessToken !== undefined && row.accessToken === accessToken

const isUnknown = ({ row }: Redeemed): boolean => row?.outcome === "Unknown"

/** A ping that a machine has accepted. */
interface Answered {
  /** Until the tokens were in the database, in milliseconds, without the time for which their machine was frozen. */
  readonly time: number
  /** Whether its machine, or the one that had claimed its wait, was frozen or dead meanwhile. */
  readonly isInFlight: boolean
}

/** The last approvals are decided all at once when PostgreSQL has come back, and all machines catch up: their pings are left out. */
const answeredPings = ({ faults, log, outage, rows }: Evidence): ReadonlyArray<Answered> => {
  const rowOf = new Map(rows.map((row) => [row.authReqId, row]))
  const downs = faults.filter(({ kind }) => kind !== "cut")
  const redeemedOf = new Map(log.tokenRequests.flatMap((one) => (one.status === 200 ? [[one.authReqId, one]] : [])))
  return log.pings.flatMap(({ authReqId, machine, sentAt, status }) => {
    const { id = "", receivedAt } = rowOf.get(authReqId) ?? {}
    if (status !== 204 || receivedAt === undefined || receivedAt > outage.from) return []
    const meanwhile = downs.filter(({ at, endedAt }) => at <= receivedAt && endedAt >= sentAt)
    const redeemed = redeemedOf.get(authReqId)
    const frozen = meanwhile.map(({ at, endedAt, kind, machine: one }) =>
      redeemed !== undefined &&
      kind === "freeze" &&
      one === redeemed.machine &&
      endedAt >= redeemed.arrivedAt &&
      endedAt <= receivedAt
        ? endedAt - Math.max(at, sentAt)
        : 0
    )
    return [
      {
        time: receivedAt - sentAt - frozen.reduce((sum, time) => sum + time, 0),
        isInFlight: meanwhile.some((down) => down.machine === machine || down.inFlight.has(id))
      }
    ]
  })
}

/** One that is sent to a frozen machine is answered when that goes on, and a wait that a dead one had claimed when its lease is over. */
const pingFigures = (evidence: Evidence): ReadonlyArray<Figure> => {
  const pings = answeredPings(evidence)
  const others = pings.filter(({ isInFlight }) => !isInFlight).map(({ time }) => time)
  const inFlight = pings.filter(({ isInFlight }) => isInFlight).map(({ time }) => time)
  return [
    show("ping to stored tokens, median", `${percentile(others, 0.5).toFixed(0)} ms`),
    judgeMeasure(evidence, atMost("ping to stored tokens, p99", percentile(others, 0.99), 150, "ms")),
    judgeMeasure(
      evidence,
      atMost(
        `ping to stored tokens where a machine was frozen or dead meanwhile (${inFlight.length}), at most`,
        Math.max(0, ...inFlight) / 1000,
        leaseOf(evidence.settings) / 1000 + 1,
        "s",
        1
      )
    )
  ]
}

/** The approvals for which there was more than one authentication request. */
export const findAskedTwice = ({ log }: SoFar): ReadonlyArray<unknown> =>
  [...groupBy(log.authenticationRequests, ({ message }) => message).values()].filter(({ length }) => length > 1)

/** The redeemed approvals that ended without their tokens, but those whose response was in flight. */
export const findLost = (evidence: SoFar): ReadonlyArray<unknown> =>
  findRedeemed(evidence).filter((one) => !one.isInFlight && one.row?.outcome !== undefined && !isStored(one))

/** What the provider and the database have of an approval. */
const describe = ({ faults, log }: SoFar, { row }: Redeemed): string => {
  const requests = log.tokenRequests.filter(({ authReqId }) => authReqId === row?.authReqId).slice(-4)
  const last = requests.at(-1)?.arrivedAt ?? 0
  const at = (instant: number | undefined) => (instant === undefined ? "?" : (instant - last).toFixed(0))
  const polls = requests.map(
    ({ arrivedAt, error, machine, sentAt }) => `${machine} ${at(arrivedAt)} to ${at(sentAt)}: ${error ?? "tokens"}`
  )
  const near = faults
    .filter(({ at: instant }) => Math.abs(instant - last) < 30_000)
    .map(({ at: from, endedAt, kind, machine }) => `${kind} ${machine} ${at(from)} to ${at(endedAt)}`)
  return [row?.mode, row?.outcome, ...polls, ...near].join(", ")
}

/** Approvals that are none of those that a check permits, each in a line. */
export const explain = (evidence: SoFar): ReadonlyArray<string> =>
  findRedeemed(evidence)
    .filter((one) => (one.isInFlight ? !isStored(one) && !isUnknown(one) : one.isRepeated || !isStored(one)))
    .map((one) => describe(evidence, one))

export const figures = (evidence: Evidence): ReadonlyArray<Figure> => {
  const { rows } = evidence
  const redeemed = findRedeemed(evidence)
  const inFlight = redeemed.filter((one) => one.isInFlight)
  const others = redeemed.filter((one) => !one.isInFlight)
  const redeemedIds = new Set(redeemed.map(({ row }) => row?.id))
  return [
    show("approvals", `${rows.length}`),
    none("asked twice", findAskedTwice(evidence)),
    none(
      "redeemed twice",
      others.filter(({ isRepeated }) => isRepeated)
    ),
    show("redeemed", `${redeemed.length}`),
    show(
      "redeemed, with a response in flight at a SIGKILL, SIGSTOP or cut",
      `${inFlight.length}: ${inFlight.filter(isStored).length} stored, ${inFlight.filter(isUnknown).length} \`Unknown\``
    ),
    none(
      "lost: redeemed, and neither stored nor of those in flight",
      others.filter((one) => !isStored(one))
    ),
    none(
      "in flight, and without a word: neither stored nor `Unknown`",
      inFlight.filter((one) => !isStored(one) && !isUnknown(one))
    ),
    none(
      "undecided in the end",
      rows.filter(({ outcome }) => outcome === undefined)
    ),
    none(
      "neither redeemed nor denied",
      rows.filter(({ id, outcome }) => outcome !== undefined && outcome !== "Refused" && !redeemedIds.has(id))
    ),
    ...pingFigures(evidence)
  ]
}
