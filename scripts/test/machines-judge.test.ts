import { expect, it } from "vitest"
import type { Evidence, Row } from "../machines/Evidence.ts"
import * as Judge from "../machines/Judge.ts"
import type { Ping, TokenRequest } from "../machines/Log.ts"
import * as Page from "../machines/Page.ts"
import { leaseOf, small } from "../machines/Settings.ts"

const interval = small.interval * 1000

const poll = (arrivedAt: number, given: Partial<TokenRequest> = {}): TokenRequest => ({
  mode: "poll",
  authReqId: "first-request",
  machine: "one",
  arrivedAt,
  sentAt: arrivedAt + 20,
  status: 400,
  error: "authorization_pending",
  ...given
})

const redeem = (arrivedAt: number, given: Partial<TokenRequest> = {}): TokenRequest =>
  poll(arrivedAt, { status: 200, error: undefined, ...given })

const row: Row = {
  id: "first",
  mode: "poll",
  authReqId: "first-request",
  outcome: "Verified",
  receivedAt: 12_000,
  accessToken: "first-access-token"
}

const pinged = { mode: "ping", authReqId: "second-request" } as const

const ping: Ping = { authReqId: "second-request", machine: "one", sentAt: 3000, status: 204 }

/** What a run leaves in which nothing is wrong: one approval by poll, and one by ping. */
const honest: Evidence = {
  settings: { ...small, judgesMeasures: true },
  log: {
    tokenRequests: [
      poll(5000),
      redeem(5050 + interval),
      redeem(3020, pinged),
      poll(200_500, { authReqId: "another-request" })
    ],
    authenticationRequests: [
      { mode: "poll", message: "A0", authReqId: "first-request", sentAt: 0 },
      { mode: "ping", message: "A1", authReqId: "second-request", sentAt: 0 }
    ],
    pings: [ping],
    timerDelays: [1],
    accessTokens: { "first-request": "first-access-token", "second-request": "second-access-token" },
    secrets: ["first-access-token", "second-access-token"]
  },
  faults: [],
  outage: { from: 100_000, to: 200_000, warnings: { "one, poll": ["it is away"] } },
  rows: [row, { ...row, ...pinged, id: "second", receivedAt: 3040, accessToken: "second-access-token" }],
  calm: { polls: 100, writes: 200, wal: 100_000 },
  heap: { few: 30 * 2 ** 20, many: 31 * 2 ** 20 },
  dump: "COPY public.poll_wait (id) FROM stdin;",
  secrets: ["the sealing key"]
}

const withPolls = (...tokenRequests: ReadonlyArray<TokenRequest>): Evidence => ({
  ...honest,
  log: { ...honest.log, tokenRequests: [...honest.log.tokenRequests, ...tokenRequests] }
})

const instead = (...tokenRequests: ReadonlyArray<TokenRequest>): Evidence => ({
  ...honest,
  log: { ...honest.log, tokenRequests: [...honest.log.tokenRequests.slice(2), ...tokenRequests] }
})

const failures = (evidence: Evidence): ReadonlyArray<string> =>
  Judge.figures(evidence).flatMap(({ holds, title }) => (holds ? [] : [title]))

const kill = { kind: "kill", machine: "one", at: 10_060, endedAt: 12_000, inFlight: new Map() } as const

const third = { authReqId: "third-request" }

it("nothing is found in a run in which nothing is wrong", () => {
  expect(failures(honest)).toEqual([])
})

it.each<[title: string, evidence: Evidence]>([
  [
    "asked twice",
    {
      ...honest,
      log: {
        ...honest.log,
        authenticationRequests: honest.log.authenticationRequests.map((asked) => ({ ...asked, message: "A0" }))
      }
    }
  ],
  ["redeemed twice", withPolls(poll(10_500 + interval, { error: "invalid_grant" }))],
  [
    "lost: redeemed, and neither stored nor of those in flight",
    { ...honest, rows: honest.rows.map((one) => (one === row ? { ...row, accessToken: undefined } : one)) }
  ],
  [
    "in flight, and without a word: neither stored nor `Unknown`",
    {
      ...honest,
      faults: [kill],
      rows: honest.rows.map((one) => (one === row ? { ...row, outcome: "Refused", accessToken: undefined } : one))
    }
  ],
  ["undecided in the end", { ...honest, rows: [...honest.rows, { ...row, ...third, id: "3", outcome: undefined }] }],
  ["neither redeemed nor denied", { ...honest, rows: [...honest.rows, { ...row, ...third, id: "3" }] }],
  [
    "ping to stored tokens, p99",
    { ...honest, rows: honest.rows.map((one) => ({ ...one, receivedAt: (one.receivedAt ?? 0) + 200 })) }
  ],
  [
    "ping to stored tokens where a machine was frozen or dead meanwhile (1), at most",
    {
      ...honest,
      rows: honest.rows.map((one) => ({ ...one, receivedAt: (one.receivedAt ?? 0) + 15_000 })),
      faults: [{ ...kill, machine: "two", at: 3010, inFlight: new Map([["second", 3000]]) }]
    }
  ],
  ["polls too early", instead(poll(5000), redeem(5010 + interval))],
  ["`slow_down` of the provider", withPolls(poll(50_000, { ...third, error: "slow_down" }))],
  ["polls late, p99", instead(poll(5000), redeem(5600 + interval))],
  [
    "polls late whose wait a dead or frozen machine had (1), at most",
    {
      ...instead(poll(5000), redeem(30_000, { machine: "two" })),
      faults: [{ ...kill, at: 5100, inFlight: new Map([["first", 5050]]) }]
    }
  ],
  ["PostgreSQL stopped: polls meanwhile", withPolls(poll(104_000, third))],
  [
    "PostgreSQL started again: first poll after",
    { ...honest, log: { ...honest.log, tokenRequests: honest.log.tokenRequests.slice(0, 3) } }
  ],
  [
    "PostgreSQL stopped: warnings of each worker",
    { ...honest, outage: { ...honest.outage, warnings: { "one, poll": [], "two, poll": ["it is away"] } } }
  ],
  ["row writes for a poll", { ...honest, calm: { ...honest.calm, writes: 220 } }],
  ["WAL for a poll", { ...honest, calm: { ...honest.calm, wal: 160_000 } }],
  [
    "heap of a worker, 100,000 open waits against 1,000",
    { ...honest, heap: { few: 30 * 2 ** 20, many: 41 * 2 ** 20 } }
  ],
  ["secrets in a dump", { ...honest, dump: `${honest.dump}\nx:second-access-token` }],
  ["secrets in a dump", { ...honest, dump: `${honest.dump} the sealing key` }]
])("%s: is found", (title, evidence) => {
  const [found, ...others] = failures(evidence)
  expect(found).toContain(title)
  expect(others).toEqual([])
})

it("an approval whose response was in flight at a kill may be `Unknown`, and asked for again", () => {
  const unknown: Evidence = {
    ...withPolls(poll(20_000, { machine: "two", error: "invalid_grant" })),
    faults: [kill],
    rows: honest.rows.map((one) => (one === row ? { ...row, outcome: "Unknown", accessToken: undefined } : one))
  }
  expect(failures(unknown)).toEqual([])
  expect(failures({ ...unknown, faults: [{ ...kill, machine: "three" }] })).toEqual([
    "redeemed twice",
    "lost: redeemed, and neither stored nor of those in flight"
  ])
})

it("a poll that a frozen machine sends when it goes on is counted by itself", () => {
  const freeze = { kind: "freeze", machine: "three", at: 3000, endedAt: 10_000, inFlight: new Map() } as const
  const sent = poll(10_500, { machine: "three", error: "invalid_grant" })
  expect(failures({ ...withPolls(sent), faults: [freeze] })).toEqual([])
  const several = Array.from({ length: 4 }, (_, number) => ({ ...sent, arrivedAt: 10_500 + number }))
  expect(failures({ ...withPolls(...several), faults: [freeze] })).toEqual([
    "polls too early that a frozen machine had begun (not promised)"
  ])
  expect(failures({ ...withPolls(sent), faults: [{ ...freeze, at: 9000 }] })).toEqual([
    "redeemed twice",
    "polls too early"
  ])
})

it("a ping that a frozen machine answers when it goes on is counted by itself", () => {
  const freeze = { kind: "freeze", machine: "one", at: 2000, endedAt: 3300, inFlight: new Map() } as const
  const late: Evidence = {
    ...honest,
    rows: honest.rows.map((one) => ({ ...one, receivedAt: (one.receivedAt ?? 0) + 400 })),
    faults: [freeze]
  }
  expect(failures(late)).toEqual([])
  expect(failures({ ...late, faults: [{ ...freeze, machine: "two", inFlight: new Map([["second", 3000]]) }] })).toEqual(
    []
  )
  expect(failures({ ...late, faults: [{ ...freeze, endedAt: 2900 }] })).toEqual(["ping to stored tokens, p99"])
  expect(failures({ ...late, faults: [{ ...freeze, machine: "two" }] })).toEqual(["ping to stored tokens, p99"])
})

it("a wait that two machines went away with, one after the other, is counted from the second one", () => {
  const late = instead(poll(5000), redeem(9900 + interval + leaseOf(small)))
  const title = "polls late whose wait a dead or frozen machine had (1), at most"
  const first = { ...kill, at: 5100 + interval, inFlight: new Map([["first", 5050 + interval]]) }
  const later = { ...first, at: 5000 + interval + leaseOf(small) }
  const second = { ...later, inFlight: new Map([["first", 4900 + interval + leaseOf(small)]]) }
  expect(failures({ ...late, faults: [first] })).toEqual([title])
  expect(failures({ ...late, faults: [first, later] })).toEqual([title])
  expect(failures({ ...late, faults: [first, second] })).toEqual([])
  expect(Judge.explain({ ...late, faults: [first] })).toEqual([
    `poll: one polled ${leaseOf(small) + 4880} ms late; its wait was held ${leaseOf(small) + 4800} ms before`
  ])
})

it("tokens that a machine is frozen with count from when it goes on", () => {
  const freeze = { kind: "freeze", machine: "two", at: 3030, endedAt: 33_000, inFlight: new Map() } as const
  const store = (receivedAt: number): Evidence => ({
    ...honest,
    log: {
      ...honest.log,
      tokenRequests: honest.log.tokenRequests.map((one) => (one.mode === "ping" ? { ...one, machine: "two" } : one))
    },
    faults: [{ ...freeze, inFlight: new Map([["second", 3000]]) }],
    rows: honest.rows.map((one) => (one === row ? row : { ...one, receivedAt }))
  })
  const title = "ping to stored tokens where a machine was frozen or dead meanwhile (1), at most"
  expect(failures(store(33_050))).toEqual([])
  expect(failures(store(33_050 + leaseOf(small) + 1000))).toEqual([title])
})

it("the poll that answers a ping may come sooner than the interval", () => {
  const both = (sentAt: number): Evidence => ({
    ...withPolls(),
    log: {
      ...honest.log,
      pings: [{ ...ping, sentAt }],
      tokenRequests: [...honest.log.tokenRequests.slice(0, 2), poll(1000, pinged), ...honest.log.tokenRequests.slice(2)]
    }
  })
  expect(failures(both(3000))).toEqual([])
  expect(failures(both(900))).toContain("polls too early")
})

it("the page has the last figures between its marks, and nothing else is changed", () => {
  const page = "before\n<!-- machines -->\nold\n<!-- end of machines -->\nafter\n"
  const written = Page.write(page, small, Judge.figures(honest))
  expect(written).toMatch(/^before\n<!-- machines -->\nThree workers, 1,000 approvals/)
  expect(written).toContain("\n| polls too early | 0 | 0 |\n")
  expect(written).toMatch(/\|\n<!-- end of machines -->\nafter\n$/)
  expect(written).not.toContain("old")
  expect(Page.write(written, small, Judge.figures(honest))).toBe(written)
})
