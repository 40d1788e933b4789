/** The checks that client assertions and signed authentication requests have in common. */
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { type Redacted, Result } from "effect"

/** The `typ` of a JWT in lower case; `jwt` by default. */
export const typeOf = (jwt: Redacted.Redacted<string>): string =>
  Result.match(JsonWebToken.readHeader(jwt), {
    onFailure: () => "",
    onSuccess: (header) => (header.typ ?? "jwt").toLowerCase()
  })

/** Whether a time in a JWT is later than a client's clock may be ahead: 10 seconds (FAPI 2.0 Security Profile 5.3.2.1). */
export const isInFuture = (seconds: number, now: number): boolean => seconds > now + 10
