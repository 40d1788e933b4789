// Runs cases at an entry point, where input from outside arrives, each from a seed of its own.
import { inspect } from "node:util"
import { Cause, Effect, Exit, Fiber, Logger, Option, Predicate, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { Chance } from "./HostileJson.ts"
import * as SeededRandom from "./SeededRandom.ts"

/** One case: hostile input by chance, and its outcome. The trial calls `hang` when nothing happens until the clock moves. */
export type Trial<E> = (chance: Chance, hang: () => void) => Effect.Effect<unknown, E>

/** A place where input from outside arrives. */
export interface EntryPoint<E> {
  readonly name: string
  /** What a trial may fail with. */
  readonly errors: Schema.Constraint & Schema.Codec<unknown, unknown>
  /** The name of a success; that of an invalid one begins with "wrong". */
  readonly success: (value: unknown) => string
  /** The outcomes that must occur, if there are enough trials. */
  readonly expected: ReadonlyArray<string>
  readonly trials: Effect.Effect<Trial<E>>
}

export interface Options {
  /** Of the first case; the second has the next one, and so on. */
  readonly seed: number
  readonly cases: number
  /** Called after each case with the number of cases so far. */
  readonly onCase?: ((count: number) => void) | undefined
}

export interface Report {
  /** How often each outcome occurred. */
  readonly outcomes: ReadonlyMap<string, number>
  /** Expected outcomes that did not occur. */
  readonly missing: ReadonlyArray<string>
  /** Invalid outcomes, with the seeds of their cases; the first ten at most, and none after a case that does not end. */
  readonly problems: ReadonlyArray<string>
}

/** Runs so many cases, one after the other. */
export const run = <E>(entryPoint: EntryPoint<E>, { onCase: after, cases, seed }: Options): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const outcomes = new Map<string, number>()
    const problems: Array<string> = []
    const trial = yield* entryPoint.trials
    yield* TestClock.setTime(Date.UTC(2030, 0))
    const judge = makeJudge(entryPoint)
    for (let index = 0; index < cases && problems.length < 10; index += 1) {
      const chance = SeededRandom.make(seed + index)
      const exit = yield* awaitEnd((hang) => trial(chance, hang))
      const { outcome, problem } = Option.match(exit, { onNone: () => pending, onSome: judge })
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      if (problem !== undefined) problems.push(`${entryPoint.name}, seed ${seed + index}: ${outcome}: ${problem}`)
      if (Option.isNone(exit)) break
      after?.(index + 1)
    }
    return { outcomes, problems, missing: entryPoint.expected.filter((outcome) => !outcomes.has(outcome)) }
  }).pipe(Effect.provide(Logger.layer([])), Effect.provide(TestClock.layer()))

interface Judgement {
  readonly outcome: string
  readonly problem?: string | undefined
}

const pending: Judgement = {
  outcome: "pending",
  problem: "it has not ended, although the clock has passed every limit"
}

/** Awaits the end of a trial. Whenever the trial hangs, the clock passes every time limit. */
const awaitEnd = Effect.fnUntraced(function* <E>(trial: (hang: () => void) => Effect.Effect<unknown, E>) {
  let hung = 0
  let passed = 0
  let wake = () => {}
  const fiber = yield* Effect.forkChild(
    trial(() => {
      hung += 1
      wake()
    })
  )
  const hanging = Effect.callback<boolean>((resume) => {
    wake = () => resume(Effect.succeed(false))
    if (hung > passed) wake()
  })
  const over = Effect.raceFirst(Effect.as(Fiber.await(fiber), true), hanging)
  while (passed < 20) {
    const isOver = yield* TestClock.withLive(Effect.timeoutOption(over, "10 seconds"))
    if (Option.isNone(isOver)) break
    if (isOver.value) return Option.some(yield* Fiber.await(fiber))
    passed = hung
    yield* TestClock.adjust("1 minute")
  }
  yield* Fiber.interrupt(fiber)
  return Option.none()
})

const makeJudge = <E>({ errors, success }: EntryPoint<E>) => {
  const isError = Schema.is(errors)
  const encode = Schema.encodeUnknownExit(Schema.fromJsonString(Schema.toCodecJson(errors)))
  return (exit: Exit.Exit<unknown, E>): Judgement => {
    if (Exit.isSuccess(exit)) {
      const outcome = success(exit.value)
      return { outcome, problem: outcome.startsWith("wrong") ? show(exit.value) : unshowable(exit.value) }
    }
    const [reason, ...others] = exit.cause.reasons
    if (reason === undefined || others.length > 0 || !Cause.isFailReason(reason)) {
      return { outcome: "defect", problem: Cause.pretty(exit.cause) }
    }
    const { error } = reason
    if (!isError(error)) return { outcome: "strange error", problem: show(error) }
    if (Exit.isFailure(encode(error))) return { outcome: "strange error", problem: `it has no JSON: ${show(error)}` }
    return { outcome: nameOf(error), problem: badMessage(error) ?? unshowable(error) }
  }
}

/** The stage of an error, and its reason or the kind of its fault. */
const nameOf = (error: unknown): string =>
  Predicate.hasProperty(error, "reason") && Predicate.hasProperty(error.reason, "_tag")
    ? `${String(Predicate.hasProperty(error, "_tag") ? error._tag : error)} ${String(Predicate.hasProperty(error.reason, "kind") ? error.reason.kind : error.reason._tag)}`
    : String(error)

const longest = 1000

const badMessage = (error: unknown): string | undefined => {
  const message = Predicate.hasProperty(error, "message") ? error.message : undefined
  if (typeof message !== "string" || message === "") return "it has no message"
  if (message.length > longest) return `its message has ${message.length} characters: ${message.slice(0, 200)}`
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(message)
    ? `its message is not one line of text: ${show(message)}`
    : undefined
}

/** Why a value cannot be shown. */
const unshowable = (value: unknown): string | undefined => {
  const exit = Effect.runSyncExit(Effect.sync(() => `${JSON.stringify(value)}${inspect(value)}${String(value)}`))
  return Exit.isFailure(exit) ? `it cannot be shown: ${Cause.pretty(exit.cause)}` : undefined
}

const show = (value: unknown): string => inspect(value, { depth: 3 }).slice(0, 2000)
