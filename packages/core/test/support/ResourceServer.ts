// A resource server with scripted responses that records its requests.
import { ClientAuthentication, ClientRegistration, Transport } from "@effect-ciba/core"
import { Effect, Layer, Redacted, Stream } from "effect"
import { HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"

/** A request as received. */
export interface ReceivedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type Reply = (heard: ReceivedRequest) => Response | Promise<Response>

/** Sends the responses one after the other, and the last one from then on. */
export const serve = (...replies: readonly [Reply, ...ReadonlyArray<Reply>]) => {
  const received: Array<ReceivedRequest> = []
  const client = HttpClient.make((request, url) =>
    Effect.gen(function* () {
      const incoming = {
        method: request.method,
        url: url.href,
        headers: { ...request.headers },
        body: yield* text(request)
      }
      const reply = replies[Math.min(received.push(incoming), replies.length) - 1] ?? replies[0]
      return HttpClientResponse.fromWeb(request, yield* Effect.promise(() => Promise.resolve(reply(incoming))))
    })
  )
  return { received, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

export const ok: Reply = () => Response.json({ served: true })

/** An error response with these challenges. */
export const challenge =
  (status: number, challenges: string, nonce?: string): Reply =>
  () =>
    new Response("no", {
      status,
      headers: { "www-authenticate": challenges, ...(nonce === undefined ? undefined : { "dpop-nonce": nonce }) }
    })

export const tokenExpired = challenge(401, 'Bearer realm="rs", error="invalid_token"')

export const nonceRequired = (nonce: string): Reply => challenge(401, 'DPoP error="use_dpop_nonce"', nonce)

/** The services that a client of resources needs. */
export const client = (server: Layer.Layer<HttpClient.HttpClient>, limits?: Transport.Options) =>
  Layer.merge(
    ClientRegistration.layer({ clientId: "bank-app", authentication: ClientAuthentication.none }),
    Layer.provide(Transport.layer(limits), server)
  )

export const bearer = (accessToken = "marker-access") => ({
  accessToken: Redacted.make(accessToken, { label: "access_token" }),
  tokenType: "Bearer",
  dpopKey: undefined
})

const text = ({ body }: HttpClientRequest.HttpClientRequest): Effect.Effect<string> => {
  switch (body._tag) {
    case "Uint8Array":
      return Effect.succeed(new TextDecoder().decode(body.body))
    case "Stream":
      return Effect.orDie(Stream.mkString(Stream.decodeText(body.stream)))
    default:
      return Effect.succeed(body._tag)
  }
}
