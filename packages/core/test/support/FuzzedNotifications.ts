// The fourth place where the world talks to us: the client's notification endpoint.
import { NotificationInbox, NotificationReceiver, type PendingAuthentication } from "@effect-ciba/core"
import { DateTime, Effect, Equal, Option, Predicate, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { EntryPoint } from "./Fuzz.ts"
import { type Chance, garbled, happens, json, limit, members, mutated, oddText, written } from "./HostileJson.ts"
import { streamed } from "./HostileResponse.ts"
import { pending } from "./PendingAuthentications.ts"
import * as SeededRandom from "./SeededRandom.ts"

const url = "https://client.test/ciba"

const methods: readonly [string, ...ReadonlyArray<string>] = [
  "GET",
  "HEAD",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "post",
  "PROPFIND",
  "M-SEARCH",
  "POSTS"
]

const types: readonly [string, ...ReadonlyArray<string>] = [
  "application/json",
  "Application/JSON; charset=utf-8",
  "application/json;charset=utf-16",
  "application/json ; odd",
  "application/jsonp",
  "application/json, text/html",
  "text/json",
  "text/html",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  ""
]

const authorizations = (bearer: string): readonly [string, ...ReadonlyArray<string>] => [
  "",
  "Bearer",
  "Bearer ",
  `bearer ${bearer}`,
  `BEARER    ${bearer}   `,
  `Bearer ${bearer}=`,
  `Bearer ${bearer}x`,
  `Bearer ${bearer}, Bearer ${bearer}`,
  `Bearer\t${bearer}`,
  `Basic ${bearer}`,
  `DPoP ${bearer}`,
  bearer,
  `Bearer ${"x".repeat(1024)}`,
  `Bearer ${"x".repeat(20_000)}`,
  `Bearer ${" ".repeat(20_000)}${bearer}`,
  `Bearer ${"=".repeat(5000)}`,
  "Bearer token-elsewhere",
  'Bearer realm="x", error="y"',
  "Bearer ../../etc",
  "Bearer __proto__",
  "Bearer \u00ff\u00fe"
]

const printed = (text: string) => [...text].filter((one) => /[\t\x20-\x7e\xa0-\xff]/.test(one)).join("")

/** A body that would do, most of the time with something wrong. */
const body = (chance: Chance, id: string) => {
  const ping = members({ auth_req_id: id })
  const push = members({
    auth_req_id: id,
    access_token: "a",
    token_type: "Bearer",
    refresh_token: "r",
    expires_in: 120,
    id_token: "a.b.c"
  })
  const refusal = members({ auth_req_id: id, error: "access_denied", error_description: "No." })
  const given = SeededRandom.oneOf(chance, [ping, push, refusal])
  return garbled(chance, written(chance, happens(chance, 0.4) ? given : mutated(chance, given)))
}

const call = (chance: Chance, bearer: string, id: string, hang: () => void): Request => {
  const method = happens(chance, 0.9) ? "POST" : SeededRandom.oneOf(chance, methods)
  const headers = new Headers()
  headers.set(
    "authorization",
    happens(chance, 0.75) ? `Bearer ${bearer}` : printed(SeededRandom.oneOf(chance, authorizations(bearer)))
  )
  if (happens(chance, 0.1)) headers.delete("authorization")
  if (happens(chance, 0.97)) {
    headers.set("content-type", happens(chance, 0.85) ? "application/json" : SeededRandom.oneOf(chance, types))
  }
  if (happens(chance, 0.1))
    headers.set("content-length", SeededRandom.oneOf(chance, ["0", "-1", "1", "99999999999", "many"]))
  if (happens(chance, 0.1)) headers.set("content-encoding", SeededRandom.oneOf(chance, ["gzip", "br", "identity"]))
  if (happens(chance, 0.1)) headers.set("expect", "100-continue")
  if (happens(chance, 0.1)) headers.set("x-http-method-override", "GET")
  if (happens(chance, 0.1)) headers.set("x-odd", printed(oddText(chance)))
  const bodiless = method === "GET" || method === "HEAD"
  return new Request(happens(chance, 0.9) ? url : `${url}?${encodeURIComponent(printed(oddText(chance)))}`, {
    method,
    headers,
    ...(bodiless || happens(chance, 0.02)
      ? undefined
      : { body: streamed(chance, body(chance, id), hang), duplex: "half" })
  })
}

/** What the documentation says of the answers. */
const documented = new Set([204, 400, 401, 405, 408, 413, 415])

interface Answered {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
  /** How often calls have rung: this one, where it is accepted, and the genuine one that comes after it. */
  readonly rings: ReadonlyArray<"this" | "the genuine one" | "one with another id" | "nothing">
}

const isAnswered = (value: unknown): value is Answered =>
  typeof value === "object" && value !== null && "rings" in value

const headersFor = (status: number): Readonly<Record<string, string>> => ({
  "cache-control": "no-store",
  ...(status === 401 ? { "www-authenticate": "Bearer" } : undefined),
  ...(status === 405 ? { allow: "POST" } : undefined)
})

const verdict = ({ headers, rings, status, text }: Answered): string => {
  if (!documented.has(status)) return `wrong status ${status}`
  if (text !== "") return "wrong body"
  if (!Equal.equals(headers, headersFor(status))) return "wrong headers"
  const right = status === 204 ? ["this", "the genuine one"] : ["the genuine one"]
  return Equal.equals(rings, right) ? `${status}` : `wrong, what rings is ${rings.join(", ")}`
}

/** The notification endpoint. */
export const notification: EntryPoint<unknown> = {
  name: "notification endpoint",
  errors: Schema.Never,
  success: (value) => (isAnswered(value) ? verdict(value) : "wrong"),
  expected: [...documented].map(String),
  trials: Effect.gen(function* () {
    const inbox = yield* NotificationInbox.make
    const handle = yield* Effect.provideService(
      NotificationReceiver.toWebHandler({ maxBodySize: limit }),
      NotificationInbox.NotificationInbox,
      inbox
    )
    let count = 0

    const awaited = () => {
      count += 1
      return pending(`${count}`, {
        deliveryMode: count % 2 === 0 ? "push" : "ping",
        expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z")
      })
    }

    /** What rings for a wait, now that something should have. */
    const rung = (wait: PendingAuthentication.PendingAuthentication) =>
      Effect.map(TestClock.withLive(Effect.timeoutOption(inbox.await(wait), "10 seconds")), (heard) =>
        Option.match(heard, {
          onNone: () => "nothing" as const,
          onSome: ({ authReqId, body }) => {
            if (!Equal.equals(authReqId, wait.authReqId)) return "one with another id" as const
            return isGenuine(Redacted.value(body)) ? ("the genuine one" as const) : ("this" as const)
          }
        })
      )

    const forgotten = ({ clientNotificationToken: token }: PendingAuthentication.PendingAuthentication) =>
      token === undefined ? Effect.void : inbox.unregister(token)

    const genuinely = Effect.fnUntraced(function* (wait: PendingAuthentication.PendingAuthentication) {
      yield* Effect.promise(() => handle(genuine(`token-${wait.id}`, `request-${wait.id}`)))
      const heard = yield* rung(wait)
      yield* forgotten(wait)
      return heard
    })

    return (chance, hang) =>
      Effect.gen(function* () {
        const wait = awaited()
        yield* inbox.acknowledge(wait)
        const response = yield* Effect.promise(() =>
          handle(call(chance, `token-${wait.id}`, `request-${wait.id}`, hang))
        )
        const text = yield* Effect.promise(() => response.text())
        const { status } = response
        const isAccepted = status === 204
        const rings = isAccepted ? [yield* rung(wait)] : []
        if (isAccepted) yield* forgotten(wait)
        const next = isAccepted ? awaited() : wait
        yield* inbox.acknowledge(next)
        return {
          status,
          text,
          headers: Object.fromEntries(response.headers),
          rings: [...rings, yield* genuinely(next)]
        }
      })
  })
}

const genuine = (bearer: string, id: string): Request =>
  new Request(url, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: json({ auth_req_id: id, genuine: true })
  })

const isGenuine = (body: Schema.Json): boolean => Predicate.hasProperty(body, "genuine")
