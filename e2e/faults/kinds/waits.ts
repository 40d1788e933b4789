// The provider or the network fails while the client waits, and the end-user approves.
import { ProviderScript } from "@effect-ciba/testing"
import { Effect } from "effect"
import * as Misbehavior from "../../Misbehavior.ts"
import type { Fault, Kind } from "../Fault.ts"
import type { Observation } from "../Observation.ts"

const { error, html, make, pending, redirect, reset, status } = ProviderScript

const arrives = ({ leaked, outcome }: Observation) => outcome._tag === "Tokens" && outcome.subject === "jo" && !leaked

/** The second token request gets this response; those around it get `authorization_pending`. */
const answer = (step: ProviderScript.Step): Pick<Fault, "provider" | "holds"> => ({
  provider: () => ({ tokenScript: make([pending, step, pending]) }),
  holds: arrives
})

/** The connection of the second token request is taken from the provider. */
const take = (second: NonNullable<Fault["take"]>[number]): Pick<Fault, "provider" | "take" | "holds"> => ({
  provider: () => ({ tokenScript: make([pending, pending]) }),
  take: { 2: second },
  holds: arrives
})

const describe = ({ leaked, mebibytes, outcome, seconds }: Observation): string => {
  if (outcome._tag === "Tokens") return "tokens"
  const read = mebibytes < 64 ? "" : " after 64 MiB"
  const end = outcome._tag === "Rejected" ? `rejects${read} with ${outcome.error}` : `no end in ${seconds} s`
  return `${leaked ? "**the other host gets the client secret**; " : ""}**approval lost**: ${end}`
}

export const undisturbed: Kind = {
  title: "Nothing fails",
  summary: "the approval arrives when nothing fails",
  describe,
  faults: [{ title: "none", row: "H10", provider: () => ({ tokenScript: make([pending]) }), holds: arrives }]
}

export const waits: Kind = {
  title: "The network or the provider fails during the wait",
  summary: "the approval arrives although the network or the provider fails",
  describe,
  faults: [
    { title: "the connection is reset", row: "H21", ...answer(reset) },
    {
      title: "the provider is down for 5 seconds",
      row: "H21",
      provider: () => ({ tokenScript: make([pending]) }),
      meanwhile: ({ awaitRequests, provider }) =>
        Effect.andThen(
          awaitRequests("/token", 1),
          Effect.andThen(Effect.sleep("100 millis"), provider.goDown("5 seconds"))
        ),
      holds: arrives
    },
    { title: "the token endpoint never responds", row: "H8", ...take(() => {}) },
    { title: "the body is cut off", row: "T-5", ...take(Misbehavior.shortBody) },
    { title: "the body has no end", row: "U14", ...take((socket, { flood }) => flood(socket)) },
    { title: "502 with an HTML page of a proxy", row: "T-5", ...answer(html(502)) },
    { title: "200 with an HTML page of a proxy", row: "T-5", ...answer(html(200)) },
    { title: "503 without `Retry-After`", row: "T-5", ...answer(status(503)) },
    {
      title: "503 with `Retry-After: 4`",
      row: "H9",
      ...answer(status(503, { retryAfter: "4" })),
      pauses: [1, 1, 4, 1]
    },
    {
      title: "429 with `Retry-After: 4`",
      row: "H22",
      ...answer(status(429, { retryAfter: "4" })),
      pauses: [1, 1, 4, 1]
    },
    {
      title: "`authorization_pending` with status 403",
      row: "H17",
      ...answer(error("authorization_pending", { status: 403 }))
    },
    {
      title: "307 to another host",
      row: "C20",
      provider: (elsewhere) => ({ tokenScript: make([pending, redirect(elsewhere), pending]) }),
      holds: arrives
    },
    {
      title: "the provider’s keys change, a minute after another authentication",
      row: "A13",
      after: "61 seconds",
      signature: true,
      meanwhile: ({ awaitRequests, provider }) => Effect.andThen(awaitRequests("/backchannel", 2), provider.rotateKeys),
      holds: arrives
    },
    {
      title: "the DPoP nonce changes",
      row: "M7",
      needs: "DPoP",
      provider: () => ({ dpop: { nonces: "lasting" }, tokenScript: make([ProviderScript.proceed, pending]) }),
      meanwhile: ({ awaitRequests, provider }) => Effect.andThen(awaitRequests("/token", 2), provider.rotateDpopNonce),
      holds: arrives
    }
  ]
}
