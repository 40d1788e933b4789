// The client's notification endpoint as an entry point.
import { NotificationInbox, NotificationReceiver, type PendingAuthentication } from "@effect-ciba/core"
import { DateTime, Effect, Equal, Option, Predicate, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { EntryPoint } from "./Fuzz.ts"
import { type Chance, garble, happens, json, limit, members, mutate, oddText, write } from "./HostileJson.ts"
import { makeBody } from "./HostileResponse.ts"
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

const keepPrintable = (text: string) => [...text].filter((one) => /[\t\x20-\x7e\xa0-\xff]/.test(one)).join("")

/** The body of a notification, most of the time with an error. */
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
  return garble(chance, write(chance, happens(chance, 0.4) ? given : mutate(chance, given)))
}

const call = (chance: Chance, bearer: string, id: string, hang: () => void): Request => {
  const method = happens(chance, 0.9) ? "POST" : SeededRandom.oneOf(chance, methods)
  const headers = new Headers()
  headers.set(
    "authorization",
    happens(chance, 0.75) ? `Bearer ${bearer}` : keepPrintable(SeededRandom.oneOf(chance, authorizations(bearer)))
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
  if (happens(chance, 0.1)) headers.set("x-odd", keepPrintable(oddText(chance)))
  const bodiless = method === "GET" || method === "HEAD"
  return new Request(happens(chance, 0.9) ? url : `${url}?${encodeURIComponent(keepPrintable(oddText(chance)))}`, {
    method,
    headers,
    ...(bodiless || happens(chance, 0.02)
      ? undefined
      : { body: makeBody(chance, body(chance, id), hang), duplex: "half" })
  })
}

/** The documented status codes. */
const documented = new Set([204, 400, 401, 405, 408, 413, 415])

interface Result {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
  /** The notifications that were delivered: this one, if it is accepted, and the genuine one after it. */
  readonly delivered: ReadonlyArray<"this" | "the genuine one" | "one with another id" | "nothing">
}

const isResult = (value: unknown): value is Result =>
  typeof value === "object" && value !== null && "delivered" in value

const headersFor = (status: number): Readonly<Record<string, string>> => ({
  "cache-control": "no-store",
  ...(status === 401 ? { "www-authenticate": "Bearer" } : undefined),
  ...(status === 405 ? { allow: "POST" } : undefined)
})

const judge = ({ headers, delivered, status, text }: Result): string => {
  if (!documented.has(status)) return `wrong status ${status}`
  if (text !== "") return "wrong body"
  if (!Equal.equals(headers, headersFor(status))) return "wrong headers"
  const right = status === 204 ? ["this", "the genuine one"] : ["the genuine one"]
  return Equal.equals(delivered, right) ? `${status}` : `wrong, delivered is ${delivered.join(", ")}`
}

/** The notification endpoint. */
export const notification: EntryPoint<unknown> = {
  name: "notification endpoint",
  errors: Schema.Never,
  success: (value) => (isResult(value) ? judge(value) : "wrong"),
  expected: [...documented].map(String),
  trials: Effect.gen(function* () {
    const inbox = yield* NotificationInbox.make
    const handle = yield* Effect.provideService(
      Effect.orDie(NotificationReceiver.toWebHandler({ maxBodySize: limit })),
      NotificationInbox.NotificationInbox,
      inbox
    )
    let count = 0

    const makePending = () => {
      count += 1
      return pending(`${count}`, {
        deliveryMode: count % 2 === 0 ? "push" : "ping",
        expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z")
      })
    }

    /** The notification that a wait gets, now that one should have been delivered. */
    const findDelivered = (wait: PendingAuthentication.PendingAuthentication) =>
      Effect.map(TestClock.withLive(Effect.timeoutOption(inbox.await(wait), "10 seconds")), (heard) =>
        Option.match(heard, {
          onNone: () => "nothing" as const,
          onSome: ({ authReqId, body }) => {
            if (!Equal.equals(authReqId, wait.authReqId)) return "one with another id" as const
            return isGenuine(Redacted.value(body)) ? ("the genuine one" as const) : ("this" as const)
          }
        })
      )

    const unregister = ({ clientNotificationToken: token }: PendingAuthentication.PendingAuthentication) =>
      token === undefined ? Effect.void : inbox.unregister(token)

    const deliverGenuine = Effect.fnUntraced(function* (wait: PendingAuthentication.PendingAuthentication) {
      yield* Effect.promise(() => handle(genuine(`token-${wait.id}`, `request-${wait.id}`)))
      const heard = yield* findDelivered(wait)
      yield* unregister(wait)
      return heard
    })

    return (chance, hang) =>
      Effect.gen(function* () {
        const wait = makePending()
        yield* inbox.acknowledge(wait)
        const response = yield* Effect.promise(() =>
          handle(call(chance, `token-${wait.id}`, `request-${wait.id}`, hang))
        )
        const text = yield* Effect.promise(() => response.text())
        const { status } = response
        const isAccepted = status === 204
        const delivered = isAccepted ? [yield* findDelivered(wait)] : []
        if (isAccepted) yield* unregister(wait)
        const next = isAccepted ? makePending() : wait
        yield* inbox.acknowledge(next)
        return {
          status,
          text,
          headers: Object.fromEntries(response.headers),
          delivered: [...delivered, yield* deliverGenuine(next)]
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
