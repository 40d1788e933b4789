// Errors that a run can be given (`-- --planted NAME`): each is one that a check of the judge must find.
import { WaitStore, type WaitWorker } from "@effect-ciba/durable"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { Configuration, Mode } from "./Settings.ts"

/** The beginning of the title of the check that finds each of them. */
export const findings: Readonly<Record<string, string>> = {
  "asked twice": "asked twice",
  "short lease": "polls too early",
  "forgotten response": "lost",
  "in clear": "secrets",
  "slow claims": "polls late, p99",
  "heap of waits": "heap",
  "third write": "row writes",
  "wide writes": "WAL",
  "many warnings": "PostgreSQL stopped: warnings"
}

export const isPlanted = ({ planted }: Configuration, name: string): boolean => planted === name

export const workerOptions = (configuration: Configuration): WaitWorker.Options =>
  isPlanted(configuration, "slow claims") ? { claimInterval: "12 seconds" } : {}

/** The store as a worker uses it: the one of the context, or that with an error. */
export const storeOf = (configuration: Configuration, mode: Mode) =>
  Layer.effect(
    WaitStore.WaitStore,
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const sql = yield* SqlClient.SqlClient
      const flaw = flaws(store, sql, mode)[configuration.planted ?? ""]
      return { ...store, ...flaw }
    })
  )

const flaws = (
  store: WaitStore.Service,
  sql: SqlClient.SqlClient,
  mode: Mode
): Readonly<Record<string, Partial<WaitStore.Service>>> => {
  const table = `${mode}_wait`
  const known = new Map<string, unknown>()
  let responses = 0
  const write = (text: string) => Effect.orDie(sql.unsafe(text))
  const afterReport = (written: string, text: string) => (progress: ReadonlyArray<WaitStore.Progress>) => {
    const ids = progress.map(({ held }) => `'${held.id}'`).join()
    return Effect.tap(store.report(progress), () =>
      ids === "" ? Effect.void : write(`update ${written} set ${text} where id in (${ids})`)
    )
  }
  return {
    "short lease": {
      claim: (options) =>
        Effect.tap(
          Effect.map(store.claim(options), (claims) => claims.map((claim) => ({ ...claim, abandonedAt: undefined }))),
          () => write(`update ${table} set wake_at = claimed_at where claimed_at is not null and decided_at is null`)
        )
    },
    "forgotten response": {
      receive: (claim, saved, timeout) =>
        ++responses % 10 === 0 ? Effect.succeed(Option.some(claim)) : store.receive(claim, saved, timeout)
    },
    "heap of waits": {
      claim: (options) =>
        Effect.tap(store.claim(options), () =>
          Effect.map(Effect.orDie(sql<{ id: string }>`select * from ${sql(table)}`), (rows) => {
            for (const row of rows) known.set(row.id, row)
          })
        )
    },
    "third write": { report: afterReport(table, "lease = lease") },
    "wide writes": { report: afterReport(`${mode}_authentication`, "acr = repeat(md5(random()::text), 40)") },
    "many warnings": {
      claim: (options) =>
        Effect.tapError(store.claim(options), ({ message }) =>
          Effect.logWarning(`the database cannot be used: ${message}`)
        )
    }
  }
}
