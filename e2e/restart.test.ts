// A process is killed twenty times, at random instants, and each time started again from its store.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { TestUser } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import * as SeededRandom from "../packages/core/test/support/SeededRandom.ts"
import * as ProviderServer from "./ProviderServer.ts"

const subjects = ["ann", "bob", "cem", "dee", "eva", "fay"] as const

const user = subjects.map((subject) => ({ ...TestUser.ignore, subject, loginHint: `${subject}@example.com` }))

/** Starts the program; `output` is what it has printed so far. */
const start = (environment: Record<string, string>) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "restart/main.ts")], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  child.stdout.on("data", (chunk) => {
    output += chunk
  })
  child.stderr.on("data", (chunk) => {
    output += chunk
  })
  return { child, output: () => output }
}

type Program = ReturnType<typeof start>

/** Waits until the program waits for decisions, or has ended. */
const awaitWaiting = ({ child, output }: Program) =>
  Effect.callback<void>((resume) => {
    const check = () => {
      if (output().includes("waiting") || child.exitCode !== null) resume(Effect.void)
    }
    child.stdout?.on("data", check)
    child.once("exit", check)
    check()
  })

const awaitExit = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.succeed(child.exitCode))
    child.once("exit", (code) => resume(Effect.succeed(code)))
  })

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-ciba-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const parseLines = (text: string) =>
  text.split("\n").flatMap((line) => {
    const [id, outcome] = line.split(" ")
    return id && outcome ? [{ id, outcome }] : []
  })

it.live(
  "a process that is killed twenty times loses no approval, sends no authentication request twice, and never polls too early (H2, H3, H14, H19, T-1)",
  () =>
    Effect.gen(function* () {
      const seed = Number(process.env.RESTART_SEED ?? Date.now() % 1_000_000)
      const note = `repeat with RESTART_SEED=${seed}`
      const chance = SeededRandom.make(seed)
      const server = yield* ProviderServer.make({
        user,
        interval: "1 second",
        pacing: "from-acknowledgement",
        latency: [40, 20]
      })
      const path = yield* directory
      const handled = join(path, "handled")
      const environment = {
        ISSUER: server.issuer,
        STORE: join(path, "store"),
        HANDLED: handled,
        SEALING_KEY: "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
        NODE_COMPILE_CACHE: join(tmpdir(), "effect-ciba-compile-cache")
      }

      let program = start({ ...environment, ASK: user.map(({ loginHint }) => loginHint).join(",") })
      yield* awaitWaiting(program)
      const requested = new Map(
        [...program.output().matchAll(/^requested (\S+) (\S+)@/gm)].map(([, id = "", subject = ""]) => [id, subject])
      )
      expect([...requested.values()], `${note}: ${program.output()}`).toEqual(subjects)
      const authReqIds = new Map(
        (yield* server.pending).map(({ authReqId, subject }) => [subject, Redacted.value(authReqId)])
      )

      const decisions = subjects.map((subject, index) => ({
        subject,
        after: index < 4 ? 2 + Math.floor(chance() * 17) : 20
      }))
      const approveAfter = (kills: number) =>
        Effect.forEach(decisions, ({ after, subject }) =>
          after === kills ? server.approve(authReqIds.get(subject)) : Effect.void
        )
      const kills: Array<number> = []
      for (let count = 0; count < 20; count += 1) {
        if (chance() < 0.8) yield* awaitWaiting(program)
        yield* Effect.sleep(chance() * 400)
        expect(program.child.exitCode, `${note}: ${program.output()}`).toBe(null)
        program.child.kill("SIGKILL")
        kills.push(performance.now())
        yield* awaitExit(program.child)
        yield* Effect.orDie(approveAfter(count))
        program = start(environment)
      }
      yield* Effect.orDie(approveAfter(20))
      expect(yield* awaitExit(program.child), `${note}: ${program.output()}`).toBe(0)

      const outcomes = parseLines(readFileSync(handled, "utf8"))
      const log = server.recordedRequests.filter(({ path }) => path === "/token")
      for (const [id, subject] of requested) {
        const own = log.filter(({ authReqId }) => authReqId === authReqIds.get(subject))
        const ownOutcomes = [...new Set(outcomes.flatMap((line) => (line.id === id ? [line.outcome] : [])))]
        const isCut = own.some((request) => request.status === 200 && kills.some((at) => isCutBy(request, at)))
        expect(isCut ? [[subject], ["OutcomeUnknown"]] : [[subject]], `${note}: ${subject}`).toContainEqual(ownOutcomes)
        const statuses = own.map(({ status }) => status)
        if (!isCut) expect(statuses.indexOf(200), `${note}: ${subject}, ${statuses}`).toBe(statuses.length - 1)
        const gaps = own.slice(1).map(({ arrivedAt }, index) => arrivedAt - (own[index]?.arrivedAt ?? 0))
        expect(Math.min(...gaps, 1000), `${note}: ${subject}, ${gaps}`).toBe(1000)
      }
      const sent = yield* server.requests
      expect(sent.filter(({ endpoint }) => endpoint === "backchannel")).toHaveLength(subjects.length)
      expect(
        sent.filter(({ error }) => error === "slow_down"),
        note
      ).toEqual([])
      expect(yield* server.inFlightMax, note).toBe(1)
    }).pipe(Effect.scoped),
  60_000
)

/**
 * Whether a kill may have prevented the client from reading and storing the response: the connection closed with it. The
 * second leaves time on a busy machine.
 */
const isCutBy = ({ arrivedAt, closedAt, writtenAt }: ProviderServer.RecordedRequest, at: number) =>
  at >= arrivedAt &&
  (writtenAt === undefined || at < writtenAt + 1000) &&
  closedAt !== undefined &&
  closedAt < at + 1000
