/** Who may call the API: the application knows its tokens. */
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { Mac, SecureRandom } from "effect/crypto"

/**
 * The bearer of a token that is accepted.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Caller {
  /** Whether they may start, read and cancel the approval of this key. */
  readonly mayUse: (key: string) => boolean
}

/**
 * Whose token is accepted.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface CallersService {
  /** The bearer of a token; none if it is not accepted. It is asked for each call, and never about an empty token. */
  readonly authenticate: (token: Redacted.Redacted<string>) => Effect.Effect<Option.Option<Caller>>
}

/**
 * Whose token is accepted.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Callers extends Context.Service<Callers, CallersService>()("@effect-ciba/durable/ApprovalsApi/Callers") {}

/**
 * One token for one caller, who may use all keys. It is compared in a time that says nothing about it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layerToken = (token: Redacted.Redacted<string>): Layer.Layer<Callers> =>
  Layer.effect(
    Callers,
    Effect.gen(function* () {
      const mac = yield* Mac.Mac
      const random = yield* SecureRandom.SecureRandom
      const key = yield* Mac.key(Mac.hmacSha256, yield* random.randomBytes(32))
      const encode = (text: Redacted.Redacted<string>) => new TextEncoder().encode(Redacted.value(text))
      const tag = yield* mac.sign(key, encode(token))
      return Callers.of({
        authenticate: (given) =>
          Effect.map(Effect.orDie(mac.verify(key, tag, encode(given))), (isEqual) =>
            isEqual ? Option.some({ mayUse: () => true }) : Option.none()
          )
      })
    }).pipe(Effect.orDie)
  ).pipe(Layer.provide(layerHmac()))

/** HMAC over WebCrypto, shared between clients: it holds no key. */
const layerHmac = (): Layer.Layer<Mac.Mac | SecureRandom.SecureRandom> =>
  Layer.provideMerge(Mac.layerWebCrypto, SecureRandom.layerWebCrypto)
