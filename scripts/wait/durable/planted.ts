// Errors that are planted in the statements of the workers, and in what drives a row: the model must find each of them.
import * as driver from "../../../packages/durable/src/internal/DrivenWait.ts"
import * as table from "../../../packages/durable/src/internal/WaitTable.ts"
import { type Planted, plant } from "../plant.ts"
import type { Setting } from "./Setting.ts"
import { setting } from "./settings.ts"
import type { Functions } from "./World.ts"

type Change = readonly [error: string, delivery: Setting["delivery"], replace: string, by: string]

const inStatements: ReadonlyArray<Change> = [
  ["a lease ends before its claim", "poll", "Duration.sum(claimLifetime, Duration.seconds(2))", "Duration.zero"],
  [
    "a report is accepted under an old lease",
    "poll",
    " and wait.lease = reported.lease and wait.claimed_at is not null",
    ""
  ],
  [
    "an outcome is accepted under an old lease, and overwrites tokens",
    "poll",
    " and claimed_at is not null\n      returning id",
    " or true\n      returning id"
  ],
  ["an outcome stays beside tokens", "poll", "decided_at = null, state", "state"],
  [
    "tokens come too late for an outcome",
    "poll",
    "received_at is null\n      returning lease",
    "received_at is null and decided_at is null\n      returning lease"
  ],
  [
    "a claim that was never reported leaves no trace",
    "poll",
    "case when claimed_at is not null then coalesce(abandoned_at, claimed_at) end",
    "null"
  ],
  [
    "the second of two claims that were never reported hides the first",
    "ping",
    "case when claimed_at is not null then coalesce(abandoned_at, claimed_at) end",
    "claimed_at"
  ],
  ["what is decided is claimed", "poll", "where decided_at is null and wake_at", "where wake_at"],
  [
    "a report makes nothing of a ping",
    "ping",
    'case when wait.notified_at >= wait.claimed_at then 0 else reported."wakeAt" end',
    'reported."wakeAt"'
  ],
  ["a report forgets a ping", "ping", "case when wait.notified_at >= wait.claimed_at then wait.notified_at end", "null"]
]

const inDriver: ReadonlyArray<Change> = [
  [
    "a claim is usable for ever",
    "poll",
    "now - claimedSince <= Duration.toMillis(claimLifetime)",
    "now >= claimedSince"
  ],
  ["a claim that was never reported has lost nothing", "poll", "saved.lost ?? terms.interrupted", "saved.lost"],
  ["a ping is no event of its wait", "ping", "notifiedAt === undefined ? restored", "claimedAt > 0 ? restored"]
]

const plantIn = (
  file: string,
  changes: ReadonlyArray<Change>,
  load: (path: string) => Promise<Functions>
): ReadonlyArray<readonly [Planted<Setting>, () => Promise<Functions>]> =>
  changes.map(([error, delivery, replace, by]) => {
    const planted = { error, replace, by, setting: setting(delivery) }
    return [planted, () => load(plant(`packages/durable/src/internal/${file}`, planted))]
  })

/** Each error, and the functions with it. */
export const all: ReadonlyArray<readonly [Planted<Setting>, () => Promise<Functions>]> = [
  ...plantIn("WaitTable.ts", inStatements, async (path) => ({ driver, table: await import(path) })),
  ...plantIn("DrivenWait.ts", inDriver, async (path) => ({ table, driver: await import(path) }))
]
