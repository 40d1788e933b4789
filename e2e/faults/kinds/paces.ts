// How often a client polls, and when it stops.
import { ProviderScript } from "@effect-ciba/testing"
import type { Kind } from "../Fault.ts"
import type { Observation } from "../Observation.ts"

const { error, lost, make, pending, slowDown } = ProviderScript

const arrives = ({ outcome }: Observation) => outcome._tag === "Tokens"

const stops = ({ late, outcome }: Observation) => outcome._tag === "Rejected" && late === 0

const describe = ({ late, outcome, seconds }: Observation): string => {
  if (outcome._tag === "Tokens") return "tokens"
  if (outcome._tag === "Unfinished") return `**polls on**: no end in ${seconds} s`
  return `${late === 0 ? "stops" : "**polls on**"} with ${outcome.error}`
}

export const paces: Kind = {
  title: "How often a client polls, and when it stops",
  summary: "polls no sooner than it may, and stops when it must",
  describe,
  faults: [
    {
      title: "`slow_down`, then `authorization_pending`, with an interval of 1 second",
      row: "H11",
      pauses: [1, 6, 6],
      provider: () => ({ tokenScript: make([slowDown(), pending]) }),
      holds: arrives
    },
    {
      title: "the acknowledgement has no `interval`",
      row: "H4",
      pauses: [5, 5],
      provider: () => ({ interval: "omitted", tokenScript: make([pending]) }),
      holds: arrives
    },
    {
      title: "the `interval` is 0",
      row: "F5",
      pauses: Array.from({ length: 20 }, () => 1),
      provider: () => ({
        pacing: "off",
        acknowledgement: (body) => ({ ...body, interval: 0 }),
        tokenScript: make(Array.from({ length: 19 }, () => pending))
      }),
      holds: ({ outcome }) => outcome._tag !== "Unfinished"
    },
    {
      title: "the provider goes on with `authorization_pending` after the expiry, which is 4 seconds",
      row: "H18",
      limit: 20,
      provider: () => ({
        acknowledgement: (body) => ({ ...body, expires_in: 4 }),
        tokenScript: make(Array.from({ length: 40 }, () => pending))
      }),
      holds: stops,
      reason: "ExpiredToken"
    },
    {
      title: "`expired_token`",
      row: "H12",
      provider: () => ({ tokenScript: make([pending, error("expired_token")]) }),
      holds: stops,
      reason: "ExpiredToken"
    },
    {
      title: "400 with an unknown code, `policy_blocked`",
      row: "T-7",
      provider: () => ({ tokenScript: make([pending, error("policy_blocked")]) }),
      holds: stops,
      reason: "Unrecognized"
    },
    {
      title:
        "the token response is lost: the `auth_req_id` is redeemed, and another token request gets `invalid_grant`",
      row: "H37",
      provider: () => ({ tokenScript: make([pending, lost]) }),
      holds: stops,
      reason: "OutcomeUnknown"
    }
  ]
}
