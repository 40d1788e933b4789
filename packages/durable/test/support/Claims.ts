// What a worker does with a claim.
import { TokenResponse } from "@effect-ciba/core"
import { makeTermsOf, type StoredWait, Wait } from "@effect-ciba/core/unstable/wait"
import type { WaitStore } from "@effect-ciba/durable"
import { Effect } from "effect"

/** All that is due, at a time limit of ten seconds. */
export const all = { limit: 100, timeout: 10_000, takesOver: true }

/** The state of a wait whose poll was answered `pending` when it was claimed. */
export const stillPending = ({ claimedAt, saved }: WaitStore.Claim): StoredWait.Saved => {
  const [restored] = Wait.restore(makeTermsOf(0, false)("poll", ""), saved, claimedAt)
  const [due] = Wait.step(restored, { _tag: "Due" }, claimedAt)
  const [sent] = Wait.step(due, { _tag: "Sent" }, claimedAt)
  return Wait.snapshot(Wait.step(sent, { _tag: "Answered", answer: { _tag: "Pending" } }, claimedAt)[0])
}

/** Stores a token response. */
export const receiveTokens = Effect.fnUntraced(function* (
  store: WaitStore.Service,
  claim: WaitStore.Claim,
  token = "token-of-jo"
) {
  const body = { access_token: token, token_type: "Bearer", id_token: "a.b.c" }
  const response = yield* Effect.flatMap(TokenResponse.receive(body), TokenResponse.decode)
  const phase = { _tag: "Verifying", response, since: undefined, doubtedSince: undefined, tries: 0 } as const
  return yield* store.receive(claim, { ...claim.saved, phase }, all.timeout)
})
