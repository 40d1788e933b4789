/** What the endpoints of the inbox in the context refuse, from now on. */
import { NotificationReceiver } from "@effect-ciba/core"
import { Effect, Stream } from "effect"

/** The events as they come, each as `read` has it. */
export const record = Effect.fnUntraced(function* <A>(read: (event: NotificationReceiver.NotificationRefused) => A) {
  const refused: Array<A> = []
  yield* Effect.forkScoped(
    Stream.runForEach(NotificationReceiver.events, (event) => Effect.sync(() => void refused.push(read(event)))),
    { startImmediately: true }
  )
  return refused
})

/** The same as texts. */
export const recordTexts = record(({ problem, status }) => `${status}: ${problem}`)
