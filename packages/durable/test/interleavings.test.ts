// Random interleavings of what two workers call: each seed is another one.
import type { WaitStore } from "@effect-ciba/durable"
import { Effect, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { all, receiveTokens, stillPending } from "./support/Claims.ts"
import { onBoth } from "./support/Databases.ts"
import { makePending, makeStore } from "./support/TestApproval.ts"

const calls = ["claim", "claim", "report", "receive", "decide", "pass", "pass"] as const

const pick = <A>(items: ReadonlyArray<A>): Effect.Effect<A | undefined> =>
  Effect.map(Random.nextIntBetween(0, Math.max(items.length - 1, 0)), (index) => items[index])

/** A wait, and what its workers have: claims that they may use at any later time. */
const makeSetting = Effect.gen(function* () {
  const store = yield* makeStore
  yield* store.insert(yield* makePending("a"))
  const claims: Array<WaitStore.Claim> = []
  const leases = new Set<number>()
  let isReceived = false

  const add = (claim: WaitStore.Claim) => {
    expect(leases.has(claim.lease)).toBe(false)
    leases.add(claim.lease)
    claims.push(claim)
  }
  const claim = Effect.map(store.claim(all), (found) => {
    for (const each of found) {
      if (isReceived) expect(each.saved.phase._tag).toBe("Verifying")
      add(each)
    }
  })
  const receive = Effect.fnUntraced(function* (held: WaitStore.Claim) {
    const taken = yield* receiveTokens(store, held)
    expect(Option.isSome(taken)).toBe(!isReceived)
    isReceived = true
    Option.map(taken, add)
  })
  /** The claim of any worker, which may be an old one. */
  const use = (call: "report" | "receive" | "decide", held: WaitStore.Claim) => {
    const isVerifying = held.saved.phase._tag === "Verifying"
    if (call === "receive") return receive(held)
    if (call === "decide") return store.decide(held, { outcome: isVerifying ? "Verified" : "Unknown" })
    const saved = isVerifying ? held.saved : stillPending(held)
    return store.report([{ held, saved, wakeAt: held.claimedAt + 5000 }])
  }
  const step = Effect.gen(function* () {
    const call = (yield* pick(calls)) ?? "pass"
    const held = yield* pick(claims)
    if (call === "pass") yield* TestClock.adjust((yield* pick([1, 2500, 5000, 15_000])) ?? 1)
    else if (call === "claim") yield* claim
    else if (held !== undefined) yield* use(call, held)
    const found = yield* store.find("a")
    if (isReceived && Option.isSome(found)) expect(found.value.outcome).toBe("Verified")
  })
  return { step, leases }
})

const seeds = Array.from({ length: 60 }, (_, index) => `seed ${index}`)

onBoth((it) => {
  it.effect.each(seeds)("no interleaving of two workers gives a lease twice or loses a response (%s)", (seed) =>
    Effect.gen(function* () {
      const { leases, step } = yield* makeSetting
      yield* TestClock.adjust("5 seconds")
      yield* Effect.repeat(step, { times: 59 })
      expect(leases.size).toBeGreaterThan(0)
    }).pipe(Random.withSeed(seed))
  )
})
