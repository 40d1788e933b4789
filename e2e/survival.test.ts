// A process is killed twenty times, at any instant, and each time started again from its store.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { TestUser } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import * as SeededRandom from "../packages/core/test/support/SeededRandom.ts"
import * as ProviderServer from "./ProviderServer.ts"

const people = ["ann", "bob", "cem", "dee", "eva", "fay"] as const

const user = people.map((subject) => ({ ...TestUser.ignore, subject, loginHint: `${subject}@example.com` }))

/** A life of the program. */
const born = (environment: Record<string, string>) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "survival/main.ts")], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let said = ""
  child.stdout.on("data", (chunk) => {
    said += chunk
  })
  child.stderr.on("data", (chunk) => {
    said += chunk
  })
  return { child, said: () => said }
}

type Life = ReturnType<typeof born>

/** Waits until the program has begun to wait. */
const waiting = ({ child, said }: Life) =>
  Effect.callback<void>((resume) => {
    const look = () => {
      if (said().includes("waiting") || child.exitCode !== null) resume(Effect.void)
    }
    child.stdout?.on("data", look)
    child.once("exit", look)
    look()
  })

const ended = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.succeed(child.exitCode))
    child.once("exit", (code) => resume(Effect.succeed(code)))
  })

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-ciba-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const lines = (text: string) =>
  text.split("\n").flatMap((line) => {
    const [id, end] = line.split(" ")
    return id && end ? [{ id, end }] : []
  })

it.live(
  "a process that is killed twenty times loses no approval, asks nobody twice, and polls never too early (H2, H3, H14, H19, T-1)",
  () =>
    Effect.gen(function* () {
      const seed = Number(process.env.SURVIVAL_SEED ?? Date.now() % 1_000_000)
      const told = `again with SURVIVAL_SEED=${seed}`
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

      let life = born({ ...environment, ASK: user.map(({ loginHint }) => loginHint).join(",") })
      yield* waiting(life)
      const asked = new Map(
        [...life.said().matchAll(/^asked (\S+) (\S+)@/gm)].map(([, id = "", who = ""]) => [id, who])
      )
      expect([...asked.values()], `${told}: ${life.said()}`).toEqual(people)
      const requests = new Map(
        (yield* server.pending).map(({ authReqId, subject }) => [subject, Redacted.value(authReqId)])
      )

      const decisions = people.map((who, index) => ({ who, after: index < 4 ? 2 + Math.floor(chance() * 17) : 20 }))
      const decided = (life: number) =>
        Effect.forEach(decisions, ({ after, who }) =>
          after === life ? server.approve(requests.get(who)) : Effect.void
        )
      const kills: Array<number> = []
      for (let count = 0; count < 20; count += 1) {
        if (chance() < 0.8) yield* waiting(life)
        yield* Effect.sleep(chance() * 400)
        expect(life.child.exitCode, `${told}: ${life.said()}`).toBe(null)
        life.child.kill("SIGKILL")
        kills.push(performance.now())
        yield* ended(life.child)
        yield* Effect.orDie(decided(count))
        life = born(environment)
      }
      yield* Effect.orDie(decided(20))
      expect(yield* ended(life.child), `${told}: ${life.said()}`).toBe(0)

      const endings = lines(readFileSync(handled, "utf8"))
      const log = server.exchanges.filter(({ path }) => path === "/token")
      for (const [id, who] of asked) {
        const own = log.filter(({ authReqId }) => authReqId === requests.get(who))
        const ends = [...new Set(endings.flatMap((line) => (line.id === id ? [line.end] : [])))]
        const cut = own.some((exchange) => exchange.status === 200 && kills.some((at) => cutBy(exchange, at)))
        expect(cut ? [[who], ["OutcomeUnknown"]] : [[who]], `${told}: ${who}`).toContainEqual(ends)
        const answers = own.map(({ status }) => status)
        if (!cut) expect(answers.indexOf(200), `${told}: ${who}, ${answers}`).toBe(answers.length - 1)
        const gaps = own.slice(1).map(({ arrivedAt }, index) => arrivedAt - (own[index]?.arrivedAt ?? 0))
        expect(Math.min(...gaps, 1000), `${told}: ${who}, ${gaps}`).toBe(1000)
      }
      const sent = yield* server.requests
      expect(sent.filter(({ endpoint }) => endpoint === "backchannel")).toHaveLength(people.length)
      expect(
        sent.filter(({ error }) => error === "slow_down"),
        told
      ).toEqual([])
      expect(yield* server.inFlightMax, told).toBe(1)
    }).pipe(Effect.scoped),
  60_000
)

/**
 * Whether a kill may have kept the client from reading the answer and noting it, and the connection ended with it. A busy
 * machine takes its time.
 */
const cutBy = ({ arrivedAt, closedAt, writtenAt }: ProviderServer.Exchange, at: number) =>
  at >= arrivedAt &&
  (writtenAt === undefined || at < writtenAt + 1000) &&
  closedAt !== undefined &&
  closedAt < at + 1000
