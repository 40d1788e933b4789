/** The DPoP proofs that the provider accepts (RFC 9449 section 4.3), each of them once, and the nonces it wants in them. */
import * as JsonWebKey from "@effect-ciba/core/JsonWebKey"
import * as JwsAlgorithm from "@effect-ciba/core/JwsAlgorithm"
import { JsonWebToken, TokenHash } from "@effect-ciba/core/unstable/jose"
import { Clock, Effect, Option, Redacted, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { Url } from "effect/http"
import { awaitUnderTestClock } from "./AwaitUnderTestClock.ts"
import type { FormRequest } from "./FormRequest.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import * as ReplayCache from "./ReplayCache.ts"
import type { Settings } from "./Settings.ts"

export interface DpopProofs {
  /** The thumbprint of the key that a request proves to hold; nothing, where it has no proof. A token must be in it. */
  readonly verify: (
    form: FormRequest,
    accessToken?: string
  ) => Effect.Effect<string | undefined, ProviderResponse.ProviderResponse>
  /** An answer with the nonce that is good from now on, where nonces are wanted. */
  readonly answer: (response: ProviderResponse.ProviderResponse) => ProviderResponse.ProviderResponse
  /** From now on another nonce is good. */
  readonly rotate: Effect.Effect<void>
}

/** The algorithms of proofs that are taken. */
export const algorithms: ReadonlyArray<JwsAlgorithm.JwsAlgorithm> = JwsAlgorithm.JwsAlgorithm.literals.filter(
  (algorithm) => !JwsAlgorithm.isSymmetric(algorithm)
)

export const make = ({ dpopNonces }: Settings): DpopProofs => {
  const first = ReplayCache.make()
  let nonces = 1
  const good = (): string => `nonce-${nonces}`
  const rotate = (): void => {
    nonces += 1
  }

  return {
    verify: Effect.fnUntraced(function* (form, accessToken) {
      const proof = form.headers.dpop
      if (proof === undefined) return undefined
      const header = decodeHeader(proof)
      if (Option.isNone(header)) return yield* refuse("The proof's header lacks typ, alg or jwk, or has other ones")
      const { alg, jwk } = header.value
      if (!algorithms.includes(alg)) return yield* refuse(`The proof is signed with ${alg}`)
      if ("d" in jwk) return yield* refuse("The proof's jwk is a private key")
      const verified = yield* JsonWebToken.verify(Redacted.make(proof), { algorithm: alg, key: jwk }).pipe(
        awaitUnderTestClock,
        Effect.option
      )
      if (Option.isNone(verified)) return yield* refuse("The proof's signature does not verify with its jwk")
      const claims = decodeClaims(verified.value)
      if (Option.isNone(claims)) return yield* refuse("The proof lacks jti, htm, htu or iat")
      const { ath, htm, htu, iat, jti, nonce } = claims.value
      const now = (yield* Clock.currentTimeMillis) / 1000
      if (htm !== form.method) return yield* refuse(`The proof's htm is ${htm}`)
      if (!isTarget(htu, form.url)) return yield* refuse(`The proof's htu is ${htu}`)
      if (iat > now + ahead || iat < now - age) return yield* refuse("The proof's iat is too far from now")
      if (
        accessToken !== undefined &&
        ath !== (yield* awaitUnderTestClock(TokenHash.sha256(Redacted.make(accessToken))))
      ) {
        return yield* refuse("The proof's ath is not the token's hash")
      }
      if (!first(jti)) return yield* refuse("The proof's jti was used before")
      if (dpopNonces !== "off" && nonce !== good()) {
        return yield* Effect.fail(
          ProviderResponse.error("use_dpop_nonce", { description: "The proof lacks the nonce of now" })
        )
      }
      return yield* awaitUnderTestClock(JsonWebKey.thumbprint(jwk))
    }),
    answer: (response) => {
      if (dpopNonces === "off") return response
      if (dpopNonces === "per-response") rotate()
      return { ...response, headers: { ...response.headers, "dpop-nonce": good() } }
    },
    rotate: Effect.sync(rotate)
  }
}

const refuse = (description: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error("invalid_dpop_proof", { description }))

const Header = Schema.Struct({
  typ: Schema.Literal("dpop+jwt"),
  alg: JwsAlgorithm.JwsAlgorithm,
  jwk: JsonWebKey.JsonWebKey
})

const decodeHeader = (proof: string): Option.Option<typeof Header.Type> =>
  Base64Url.decodeString(proof.split(".")[0] ?? "").pipe(
    Result.getOrElse(() => ""),
    Schema.decodeUnknownOption(Schema.fromJsonString(Header))
  )

const decodeClaims = Schema.decodeUnknownOption(
  Schema.Struct({
    jti: Schema.NonEmptyString,
    htm: Schema.String,
    htu: Schema.String,
    iat: Schema.Finite,
    ath: Schema.optionalKey(Schema.String),
    nonce: Schema.optionalKey(Schema.String)
  })
)

/** The URL called, less its query and fragment, in whatever spelling (RFC 9449 section 4.3). */
const isTarget = (htu: string, called: URL): boolean =>
  Result.match(Url.fromString(htu), {
    onFailure: () => false,
    onSuccess: ({ href }) => href === `${called.origin}${called.pathname}`
  })

/** How many seconds a proof may be old, and how many ahead. */
const age = 60
const ahead = 10
