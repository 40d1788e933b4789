// That every wait is decided in the end, whether its workers go on or have died: another one takes over.
import { must } from "../../../packages/core/test/wait/model/Violation.ts"
import { type Context, steps } from "./moves.ts"
import type { Worker, World } from "./World.ts"

/** The steps of a worker until it is idle, each the first that is possible. */
const goOn = (context: Context, world: World, worker: Worker): World => {
  const [step] = worker.at === "idle" ? [] : steps(context, world, worker)
  if (step === undefined) return world
  const [, next, after] = step
  return goOn(context, after, next)
}

/** Another worker claims what is due, and drives it, until the wait is decided. */
const takeOver = (context: Context, world: World, last: number): World => {
  if (world.rows.wait.decided_at !== null) return world
  must(world.now <= last, "every wait is decided in the end")
  const [claimed] = steps(context, world, { at: "idle" })
  const after = claimed === undefined ? world : goOn(context, claimed[2], claimed[1])
  return takeOver(
    context,
    { ...after, now: Math.max(after.now + context.setting.tick, Number(after.rows.wait.wake_at)) },
    last
  )
}

const outcomeOf = ({ rows }: World): string => String(rows.authentication.outcome)

/** Ends a wait in both ways, soon after its deadline. */
export const checkEndings = (context: Context, world: World): void => {
  const last = world.now + 100_000
  takeOver(context, { ...world, workers: [{ at: "idle" }, { at: "idle" }] }, last)
  const thawed = world.workers.reduce((reached, worker) => goOn(context, reached, worker), world)
  const ended = takeOver(context, thawed, last)
  if (world.tokens !== "received") return
  must(
    outcomeOf(ended) === "Verified",
    `tokens that a worker received are not lost, also if it was frozen: ${outcomeOf(ended)}`
  )
}
