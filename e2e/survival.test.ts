import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import type { TestProvider } from "@effect-ciba/testing"
import { Array as Arr, Effect, Random } from "effect"
import * as ProviderServer from "./ProviderServer.ts"

/** What every random instant comes from; a failure shows it. */
const seed = String(Date.now())

const people = 8
const kills = 20
const interval = 1000

const main = join(import.meta.dirname, "survival", "main.ts")

/** A folder with the store and the results of all processes. */
const workplace = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "survival-"))
    writeFileSync(join(folder, "results"), "")
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

const start = (folder: string, issuer: string, ...args: ReadonlyArray<string>) =>
  Effect.sync(() =>
    spawn(process.execPath, [main, ...args], {
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        ISSUER: issuer,
        STORE: join(folder, "store"),
        RESULTS: join(folder, "results"),
        SEALING_KEY: Buffer.alloc(32, 7).toString("base64url")
      }
    })
  )

const ended = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) resume(Effect.succeed(child.exitCode))
    else child.once("exit", (code) => resume(Effect.succeed(code)))
  })

/** The token requests of each authentication, as the provider saw them. */
const pollsOf = (provider: TestProvider.Service) =>
  Effect.map(provider.requests, (requests) =>
    Object.values(
      Arr.groupBy(
        requests.filter(({ endpoint }) => endpoint === "token"),
        ({ parameters }) => Object.fromEntries(parameters).auth_req_id ?? ""
      )
    )
  )

it.live(
  "a process that is killed twenty times loses no approval, asks nobody twice, and never polls too early (F9, H2, H19, T-36)",
  () =>
    Effect.gen(function* () {
      const folder = yield* workplace
      const provider = yield* ProviderServer.make({
        interval,
        expiresIn: "10 minutes",
        pacing: "from-acknowledgement"
      })
      const first = yield* start(folder, provider.issuer, "ask", String(people))
      expect(yield* ended(first)).toBe(0)
      const asked = yield* provider.pending
      expect(asked).toHaveLength(people)

      const waiting = [...asked]
      for (let kill = 0; kill < kills; kill += 1) {
        const child = yield* start(folder, provider.issuer, "wait")
        yield* Effect.sleep(yield* Random.nextBetween(600, 1900))
        if (yield* Random.nextBoolean) {
          const decided = waiting.shift()
          if (decided !== undefined) yield* Effect.orDie(provider.approve(decided.authReqId))
          yield* Effect.sleep(yield* Random.nextBetween(0, 600))
        }
        child.kill("SIGKILL")
        yield* ended(child)
      }
      yield* Effect.forEach(waiting, ({ authReqId }) => Effect.orDie(provider.approve(authReqId)))
      const last = yield* start(folder, provider.issuer, "wait")
      expect(yield* ended(last)).toBe(0)

      const requests = yield* provider.requests
      expect(requests.filter(({ endpoint }) => endpoint === "backchannel")).toHaveLength(people)
      const polls = yield* pollsOf(provider)
      expect(polls).toHaveLength(people)
      for (const one of polls) {
        expect(one.map(({ error }) => error)).not.toContain("slow_down")
        const gaps = one.slice(1).map(({ at }, index) => at - (one[index]?.at ?? 0))
        expect(Math.min(...gaps, Number.POSITIVE_INFINITY)).toBeGreaterThanOrEqual(interval)
      }
      const results = readFileSync(join(folder, "results"), "utf8").trim().split("\n")
      const outcomes = new Map(results.map((line) => line.split(" ")).map(([id = "", outcome = ""]) => [id, outcome]))
      // Tokens that were on their way when a process was killed are gone, and said to be: the provider refused the id then.
      const cutOff = polls.filter((one) => one.some(({ error }) => error === "invalid_grant")).length
      expect([...outcomes.values()].filter((outcome) => outcome === "jo")).toHaveLength(people - cutOff)
      expect([...outcomes.values()].filter((outcome) => outcome === "OutcomeUnknown")).toHaveLength(cutOff)
      expect(outcomes.size).toBe(people)
    }).pipe(
      Effect.tapCause(() => Effect.logError(`the seed was ${seed}`)),
      Random.withSeed(seed),
      Effect.scoped
    ),
  120_000
)
