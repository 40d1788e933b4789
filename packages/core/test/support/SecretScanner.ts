// Finds secrets in what a program shows: in logs, spans, metrics, errors and printed values.
import { inspect } from "node:util"
import { expect } from "@effect/vitest"
import {
  AuthenticationRequestError,
  ClientRegistration,
  DiscoveryError,
  IdTokenError,
  PendingStore,
  TokenError
} from "@effect-ciba/core"
import { Cause, Effect, Exit, Layer, Logger, Metric, Predicate, References, Schema, Tracer } from "effect"
import { HttpClient, type HttpClientRequest, type HttpClientResponse } from "effect/http"
import * as RegistrationError from "../../src/provider/RegistrationError.ts"
import * as ResourceError from "../../src/resource/ResourceError.ts"
import * as UserInfoError from "../../src/resource/UserInfoError.ts"
import * as IntrospectionError from "../../src/token/IntrospectionError.ts"

/** Parameters and members that are secret. */
const confidential = new Set([
  "access_token",
  "auth_req_id",
  "client_assertion",
  "client_notification_token",
  "client_secret",
  "id_token",
  "id_token_hint",
  "login_hint",
  "login_hint_token",
  "refresh_token",
  "request",
  "token",
  "user_code"
])

export const make = () => {
  const secrets = new Map<string, string>()
  const shown: Array<readonly [where: string, text: string]> = []

  /** Remembers a secret by its first name; of a signed token every part but its header. */
  const addSecret = (name: string, value: unknown) => {
    if (typeof value !== "string" || value === "" || secrets.has(value)) return
    secrets.set(value, name)
    const [, ...parts] = value.split(".")
    if (parts.length === 2 || parts.length === 4) {
      for (const part of parts.filter(({ length }) => length > 15)) secrets.set(part, `a part of ${name}`)
    }
  }

  const addSecretMembers = (body: unknown) => {
    if (typeof body !== "object" || body === null) return
    for (const [name, value] of Object.entries(body)) if (confidential.has(name)) addSecret(name, value)
  }

  /** Records every way to print a value. */
  const scan = (where: string, value: unknown) => {
    for (const text of renderings(value)) shown.push([where, text])
  }

  const recordRequest = (request: HttpClientRequest.HttpClientRequest) => {
    const { body, headers } = request
    const [scheme = "", credentials] = headers.authorization?.split(" ") ?? []
    addSecret(`credentials of ${scheme}`, credentials)
    addSecret("proof", headers.dpop)
    if (body._tag === "Uint8Array")
      addSecretMembers(Object.fromEntries(new URLSearchParams(new TextDecoder().decode(body.body))))
  }

  const recordResponse = (response: HttpClientResponse.HttpClientResponse) => {
    addSecret("dpop-nonce", response.headers["dpop-nonce"])
    return Effect.map(Effect.option(response.json), (body) =>
      addSecretMembers(body._tag === "Some" ? body.value : undefined)
    )
  }

  /** Records the secrets of every request and response of the `HttpClient` of the context. */
  const recordTraffic = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      client.pipe(
        HttpClient.tapRequest((request) => Effect.sync(() => recordRequest(request))),
        HttpClient.tap(recordResponse)
      )
    )
  )

  const logger = Logger.make((options) => {
    scan("log", options.message)
    scan("log", Logger.formatStructured.log(options))
    for (const format of [Logger.formatSimple, Logger.formatLogFmt, Logger.formatJson]) scan("log", format.log(options))
    scan("log cause", options.cause)
  })

  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      return Object.assign(span, {
        end: (time: bigint, exit: Exit.Exit<unknown, unknown>) => {
          end(time, exit)
          const { attributes, events, links, name } = span
          scan(`span ${name}`, { name, attributes: Object.fromEntries(attributes), events })
          for (const link of links) scan(`link of ${name}`, link.attributes)
          if (Exit.isFailure(exit)) scan(`exception of ${name}`, exit.cause)
          else if (name !== "program") scan(`value of ${name}`, exit.value)
        }
      })
    }
  })

  const recorders = Layer.mergeAll(
    Logger.layer([logger]),
    Layer.succeed(References.MinimumLogLevel, "All"),
    Layer.succeed(Tracer.Tracer, tracer),
    Layer.succeed(Metric.MetricRegistry, new Map())
  )

  /** Runs a program, and scans its logs, spans, metrics and failure. */
  const run = <A, E, R>(program: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.withSpan(program, "program"))
      scan("metrics", yield* Metric.dump)
      scan("metrics", yield* Metric.snapshot)
      if (Exit.isFailure(exit)) scan("failure", exit.cause)
      return yield* exit
    }).pipe(Effect.provide(recorders))

  return {
    addSecret,
    addSecretMembers,
    scan,
    recordTraffic,
    run,
    /** The names of the secrets. */
    secretNames: () => [...new Set(secrets.values())].filter((name) => !name.startsWith("a part")).sort(),
    /** Where something was shown. */
    outputs: () => [...new Set(shown.map(([where]) => where))].sort(),
    /** The secrets that were shown, and where. */
    leaks: () => [
      ...new Set(
        shown.flatMap(([where, text]) =>
          [...secrets].flatMap(([secret, name]) =>
            spellings(secret).some((spelling) => text.includes(spelling)) ? [`${name} in ${where}`] : []
          )
        )
      )
    ]
  }
}

/** A secret in clear, in a URL, and in JSON. */
const spellings = (secret: string): ReadonlyArray<string> => [
  secret,
  encodeURIComponent(secret),
  new URLSearchParams([["", secret]]).toString().slice(1),
  encodeJson(secret).slice(1, -1)
]

const renderings = (value: unknown): ReadonlyArray<string> => {
  const looks = [
    String(value),
    inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null, maxArrayLength: null }),
    JSON.stringify(value, (_name, member) => (typeof member === "bigint" ? `${member}` : member)) ?? ""
  ]
  if (Cause.isCause(value)) {
    looks.push(
      Cause.pretty(value),
      ...value.reasons.filter(Cause.isFailReason).flatMap(({ error }) => renderings(error))
    )
  }
  if (value instanceof Error) looks.push(value.message, value.stack ?? "", ...encode(value))
  return looks
}

/** The errors of the stages. */
const AnyError = Schema.Union([
  AuthenticationRequestError.AuthenticationRequestError,
  ClientRegistration.ClientRegistrationError,
  DiscoveryError.DiscoveryError,
  IdTokenError.IdTokenError,
  IntrospectionError.IntrospectionError,
  PendingStore.PendingStoreError,
  RegistrationError.RegistrationError,
  ResourceError.ResourceError,
  TokenError.TokenError,
  UserInfoError.UserInfoError
])

const encodeError = Schema.encodeUnknownExit(Schema.fromJsonString(Schema.toCodecJson(AnyError)))

/** The JSON of one of them, by its schema. */
const encode = (error: Error): ReadonlyArray<string> => {
  const text = encodeError(error)
  return Exit.isSuccess(text) ? [text.value] : []
}

const encodeJson = Schema.encodeSync(Schema.fromJsonString(Schema.String))

/** A program that fails, and its layer. */
export interface Failure<R, E> {
  readonly program: Effect.Effect<unknown, unknown, R>
  readonly layer: Layer.Layer<R, E>
}

/** The tags of the reasons of these failures. None of them may show a marker: text that begins with "marker-", or a given secret. */
export const failureReasons = Effect.fnUntraced(function* <R, E>(
  failures: ReadonlyArray<Failure<R, E>>,
  ...secrets: ReadonlyArray<string>
) {
  const watch = make()
  watch.addSecret("marker", "marker-")
  for (const secret of secrets) watch.addSecret("secret", secret)
  const errors = yield* Effect.forEach(failures, ({ layer, program }) =>
    Effect.flip(watch.run(Effect.provide(Effect.tapError(program, Effect.logError), layer)))
  )
  for (const error of errors) watch.scan("error", error)
  expect(watch.leaks()).toEqual([])
  expect(watch.outputs()).toEqual(expect.arrayContaining(["error", "exception of program", "failure", "log"]))
  return new Set(errors.map(tag))
})

const tag = (error: unknown): string =>
  Predicate.hasProperty(error, "reason") && Predicate.hasProperty(error.reason, "_tag")
    ? String(error.reason._tag)
    : String(error)

/** The tags of all reasons of a union. */
export const reasonTags = (union: { readonly members: ReadonlyArray<{ readonly identifier: string }> }) =>
  new Set(union.members.map(({ identifier }) => identifier))
