/** The DPoP proofs that the provider accepts, each of them once, and the nonces that it demands (RFC 9449 4.3, 8). */
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
  /**
   * The thumbprint of the key in a request's proof; `undefined` without a proof. With an access token the proof has to
   * contain its hash.
   */
  readonly verify: (
    form: FormRequest,
    accessToken?: string
  ) => Effect.Effect<string | undefined, ProviderResponse.ProviderResponse>
  /** Adds the nonce that the next proof has to contain, if nonces are demanded. */
  readonly addNonce: (response: ProviderResponse.ProviderResponse) => ProviderResponse.ProviderResponse
  /** Demands another nonce from now on. */
  readonly rotate: Effect.Effect<void>
}

export const algorithms: ReadonlyArray<JwsAlgorithm.JwsAlgorithm> = JwsAlgorithm.JwsAlgorithm.literals.filter(
  JwsAlgorithm.isAsymmetric
)

export const make = ({ dpopNonces }: Settings): DpopProofs => {
  const isNew = ReplayCache.make()
  let rotations = 1
  const currentNonce = (): string => `nonce-${rotations}`
  const rotate = (): void => {
    rotations += 1
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
      if (iat > now + maxSkew || iat < now - maxAge) return yield* refuse("The proof's iat is too far from now")
      if (
        accessToken !== undefined &&
        ath !== (yield* awaitUnderTestClock(TokenHash.sha256(Redacted.make(accessToken))))
      ) {
        return yield* refuse("The proof's ath is not the access token's hash")
      }
      if (!isNew(jti)) return yield* refuse("The proof's jti was used before")
      if (dpopNonces !== "off" && nonce !== currentNonce()) {
        const description = "The proof lacks the current nonce"
        return yield* Effect.fail(ProviderResponse.error("use_dpop_nonce", { description }))
      }
      return yield* awaitUnderTestClock(JsonWebKey.thumbprint(jwk))
    }),
    addNonce: (response) => {
      if (dpopNonces === "off") return response
      if (dpopNonces === "per-response") rotate()
      return { ...response, headers: { ...response.headers, "dpop-nonce": currentNonce() } }
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

/** Whether `htu` is the URL of the request without query and fragment, after normalization (RFC 9449 section 4.3). */
const isTarget = (htu: string, url: URL): boolean =>
  Result.match(Url.fromString(htu), {
    onFailure: () => false,
    onSuccess: ({ href }) => href === `${url.origin}${url.pathname}`
  })

/** How many seconds before and after now the `iat` of a proof may be. */
const maxAge = 60
const maxSkew = 10
