/** The variants of the plan: a profile with a client authentication and a delivery mode, by the conformance suite's names. */

export interface Variant {
  readonly profile: "plain_fapi" | "openbanking_uk" | "openbanking_brazil" | "connectid_au"
  readonly authentication: "private_key_jwt" | "mtls"
  readonly delivery: "poll" | "ping"
}

const authentications = ["private_key_jwt", "mtls"] as const
const deliveries = ["poll", "ping"] as const

export const variants: ReadonlyArray<Variant> = [
  ...(["plain_fapi", "openbanking_uk"] as const).flatMap((profile) =>
    authentications.flatMap((authentication) =>
      deliveries.map((delivery): Variant => ({ profile, authentication, delivery }))
    )
  ),
  { profile: "openbanking_brazil", authentication: "private_key_jwt", delivery: "ping" },
  { profile: "connectid_au", authentication: "private_key_jwt", delivery: "poll" }
]

export const nameOf = ({ authentication, delivery, profile }: Variant): string =>
  `${profile}, ${authentication}, ${delivery}`
