// Pings and pushes that are lost, repeated, early or forged.
import { Effect } from "effect"
import type { Fault, Kind, Stage } from "../Fault.ts"
import type { Observation } from "../Observation.ts"

/** Whether the tokens came with one token request, and the endpoint responded so. */
const redeemsOnce =
  (...statuses: ReadonlyArray<number>) =>
  ({ late, notified, outcome, polls }: Observation): boolean =>
    outcome._tag === "Tokens" && polls.length === 1 && late === 0 && String(notified) === String(statuses)

/** Notifies once the end-user has been asked. */
const afterRequest =
  (run: (stage: Stage) => Effect.Effect<void>): NonNullable<Fault["meanwhile"]> =>
  (stage) =>
    stage.awaitRequests("/backchannel", 1).pipe(Effect.andThen(Effect.sleep("500 millis")), Effect.andThen(run(stage)))

const slow = { interval: "30 seconds" } as const

const describe = ({ notified, outcome, polls }: Observation): string => {
  const requests = `${polls.length} token ${polls.length === 1 ? "request" : "requests"}`
  const end = {
    Tokens: `tokens after ${requests}`,
    Rejected: outcome._tag === "Rejected" ? `rejects with ${outcome.error} after ${requests}` : "",
    Unfinished: `goes on waiting, ${requests}`
  }
  return [...(notified.length === 0 ? [] : [`responds with ${notified.join(", ")}`]), end[outcome._tag]].join("; ")
}

export const notifications: Kind = {
  title: "Pings and pushes",
  summary: "copes with a ping or push that is lost, repeated, early or forged",
  describe,
  faults: [
    {
      title: "the ping is lost",
      row: "K15",
      needs: "ping",
      holds: ({ outcome }) => outcome._tag === "Tokens"
    },
    {
      title: "the ping comes twice",
      row: "K9",
      needs: "ping",
      provider: () => slow,
      meanwhile: afterRequest(({ notify }) => Effect.andThen(notify(), notify())),
      holds: redeemsOnce(204, 204)
    },
    {
      title: "the ping comes before the acknowledgement",
      row: "K10",
      needs: "ping",
      provider: () => ({ ...slow, latency: [0, 1500] }),
      meanwhile: afterRequest(({ notify }) => notify()),
      holds: redeemsOnce(204)
    },
    {
      title: "a ping with a forged bearer token, 2 seconds before the ping",
      row: "K3",
      needs: "ping",
      pauses: [2],
      provider: () => slow,
      meanwhile: afterRequest(({ notify }) =>
        notify("forged").pipe(Effect.andThen(Effect.sleep("2 seconds")), Effect.andThen(notify()))
      ),
      holds: redeemsOnce(401, 204)
    },
    {
      title: "a push with a forged bearer token",
      row: "L2",
      needs: "push",
      limit: 4,
      meanwhile: afterRequest(({ notify }) => notify("forged")),
      holds: ({ notified, outcome }) => outcome._tag === "Unfinished" && String(notified) === "401"
    },
    {
      title: "a push of tokens for another request",
      row: "L5",
      needs: "push",
      provider: () => ({
        idTokenClaims: (claims) => ({ ...claims, "urn:openid:params:jwt:claim:auth_req_id": "another-request" })
      }),
      meanwhile: afterRequest(({ notify }) => notify()),
      holds: ({ outcome, polls }) => outcome._tag === "Rejected" && polls.length === 0,
      reason: "WrongBinding"
    },
    {
      title: "the push never comes, and the request expires after 3 seconds",
      row: "L17",
      needs: "push",
      provider: () => ({ expiresIn: "3 seconds" }),
      holds: ({ outcome, polls }) => outcome._tag === "Rejected" && polls.length === 0,
      reason: "ExpiredToken"
    }
  ]
}
