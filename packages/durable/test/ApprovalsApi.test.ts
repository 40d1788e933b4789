import * as ApprovalsApi from "@effect-ciba/durable/ApprovalsApi"
import { ProviderScript, TestUser } from "@effect-ciba/testing"
import { Effect, Option, Predicate, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { describe, expect } from "vitest"
import { ask, makeServer, makeServerWith, token } from "./support/ApiServer.ts"
import { onBothLive } from "./support/Databases.ts"
import { makeCiba } from "./support/TestApproval.ts"
import { countRequests } from "./support/Time.ts"

const provide = (options?: Parameters<typeof makeCiba>[0]) =>
  Effect.provide(makeCiba({ interval: "1 second", ...options }))

onBothLive((it) => {
  describe("an approval over HTTP", () => {
    it.effect("is started once, waited for and handed out", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        const started = yield* call("PUT", "/approvals/transfer-17", { body: ask })
        expect(started.status).toBe(200)
        expect(started.body).toMatchObject({ key: "transfer-17", status: "Pending" })
        expect(Object.keys(started.body).sort()).toEqual([
          "auth_req_id_hash",
          "expires_at",
          "id",
          "key",
          "started_at",
          "status"
        ])
        expect(yield* call("PUT", "/approvals/transfer-17", { body: ask })).toMatchObject({
          status: 200,
          body: started.body
        })
        expect(yield* countRequests("backchannel")).toBe(1)
        const early = yield* call("GET", "/approvals/transfer-17/result")
        expect(early).toMatchObject({ status: 202, body: started.body })
        const result = yield* call("GET", "/approvals/transfer-17/result?wait=30")
        expect(result.status).toBe(200)
        expect(result.headers.get("cache-control")).toBe("no-store")
        expect(result.body).toMatchObject({ subject: "jo", issuer: "https://provider.test", claims: { sub: "jo" } })
        expect(result.body.token_response).toMatchObject({ token_type: "Bearer", scope: "openid" })
        expect(result.text).toMatch(/"access_token":"[\w-]{43}"/)
        expect(result.text).toMatch(/"expires_in":\d+/)
        const receipt = yield* call("GET", "/approvals/transfer-17")
        expect(receipt.body).toMatchObject({ status: "Verified", subject: "jo" })
        expect(receipt.text).not.toContain("token")
      }).pipe(provide({ user: TestUser.approve({ subject: "jo", after: "1200 millis" }) }))
    )

    it.effect("is asked for once by two servers at one database, and handed out by both", () =>
      Effect.gen(function* () {
        const one = yield* makeServer
        const other = yield* makeServerWith({ place: one.options })
        const start = ({ call }: typeof one) => call("PUT", "/approvals/transfer-17", { body: ask })
        const [first, second] = yield* Effect.all([start(one), start(other)], { concurrency: 2 })
        expect(first).toMatchObject({ status: 200, body: { status: "Pending" } })
        expect(second.body).toEqual(first.body)
        const wait = ({ call }: typeof one) => call("GET", "/approvals/transfer-17/result?wait=30")
        for (const result of yield* Effect.all([wait(one), wait(other)], { concurrency: 2 })) {
          expect(result).toMatchObject({ status: 200, body: { subject: "jo" } })
        }
        expect(yield* countRequests("backchannel")).toBe(1)
      }).pipe(provide({ user: TestUser.approve({ subject: "jo" }) }))
    )

    it.effect("fails with how the end-user decided", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        yield* call("PUT", "/approvals/transfer-17", { body: ask })
        expect(yield* call("GET", "/approvals/transfer-17/result?wait=30")).toMatchObject({
          status: 410,
          body: {
            error: "ApprovalFailed",
            outcome: "Refused",
            reason: "AccessDenied",
            can_ask_again: false,
            needs_operator: false
          }
        })
      }).pipe(provide({ user: TestUser.deny() }))
    )

    it.effect("is answered with its receipt after the longest wait, and is cancelled", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        yield* call("PUT", "/approvals/transfer-17", { body: ask })
        const { body, status } = yield* call("GET", "/approvals/transfer-17/result?wait=86400")
        expect([status, body.status]).toEqual([202, "Pending"])
        expect(yield* call("DELETE", "/approvals/transfer-17")).toMatchObject({
          status: 200,
          body: { status: "Cancelled" }
        })
        expect(yield* call("GET", "/approvals/transfer-17/result")).toMatchObject({
          status: 410,
          body: { error: "ApprovalFailed", outcome: "Cancelled", can_ask_again: true }
        })
      }).pipe(provide())
    )

    it.effect("has a key of any characters, as one segment of the path", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        for (const key of ["a/b", "%2F", "a?b#c", "🦊", "a b+c", "'; --", "a".repeat(255)]) {
          const path = `/approvals/${encodeURIComponent(key)}`
          expect(yield* call("PUT", path, { body: ask })).toMatchObject({ status: 200, body: { key } })
          expect(yield* call("GET", path)).toMatchObject({ status: 200, body: { key } })
        }
        for (const segment of ["a%00b", "a".repeat(256)]) {
          expect(yield* call("GET", `/approvals/${segment}`)).toMatchObject({
            status: 400,
            body: { error: "InvalidRequest" }
          })
        }
      }).pipe(provide())
    )
  })

  describe("a call without a token that is accepted", () => {
    const calls = [
      ["PUT", "/approvals/transfer-17", { body: ask }],
      ["PUT", "/approvals/transfer-17", { body: "no JSON" }],
      ["GET", "/approvals/transfer-17", {}],
      ["GET", "/approvals/transfer-17/result?wait=no-number", {}],
      ["DELETE", "/approvals/transfer-17", {}]
    ] as const

    for (const authorization of ["", "Bearer ", "Bearer", "Bearer wrong", `Basic ${token}`, token]) {
      it.effect(`is answered with 401, whatever it is: ${authorization || "none"}`, () =>
        Effect.gen(function* () {
          const { call } = yield* makeServer
          for (const [method, path, options] of calls) {
            const answer = yield* call(method, path, { ...options, authorization })
            expect(answer).toMatchObject({ status: 401, body: { error: "Unauthorized" } })
            expect(answer.headers.get("www-authenticate")).toBe("Bearer")
            expect(answer.headers.get("cache-control")).toBe("no-store")
            expect(Object.keys(answer.body).sort()).toEqual(["can_ask_again", "error", "message", "needs_operator"])
          }
          expect(yield* countRequests("backchannel")).toBe(0)
        }).pipe(provide())
      )
    }

    it.effect("is answered with 403 for a key of another caller, whether there is such an approval or not", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        yield* call("PUT", "/approvals/transfer-17", { body: ask })
        const answers = []
        for (const [method, path, options] of calls) {
          for (const each of [
            path,
            path.replace("transfer-17", "transfer-18"),
            path.replace("transfer-17", "%73hop")
          ]) {
            answers.push(yield* call(method, each, { ...options, authorization: "Bearer shop" }))
          }
        }
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]))
        expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
        const own = yield* call("PUT", "/approvals/shop-1", { body: ask, authorization: "bearer shop" })
        expect(own.status).toBe(200)
        expect(yield* countRequests("backchannel")).toBe(2)
      }).pipe(provide())
    )

    it.effect("is answered with 401 without a token, also by a server that takes an empty one", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServerWith({ callers: ApprovalsApi.layerToken(Redacted.make("")) })
        for (const authorization of ["", "Bearer", "Bearer "]) {
          expect((yield* call("GET", "/approvals/transfer-17", { authorization })).status).toBe(401)
        }
      }).pipe(provide())
    )

    it.effect("is not accepted with anything but the one token that there is", () =>
      Effect.gen(function* () {
        const authenticate = (configured: string, given: string) =>
          ApprovalsApi.Callers.use((callers) => callers.authenticate(Redacted.make(given))).pipe(
            Effect.map(Option.isSome),
            Effect.provide(ApprovalsApi.layerToken(Redacted.make(configured)))
          )
        expect(yield* authenticate(token, token)).toBe(true)
        for (const given of ["", token.slice(1), `${token}a`, token.toUpperCase()]) {
          expect(yield* authenticate(token, given)).toBe(false)
        }
      })
    )
  })

  describe("a request that cannot be sent", () => {
    const secret = "jo@example.com"
    const bodies: ReadonlyArray<readonly [string, unknown]> = [
      ["login_hnt: ", { scope: "openid", login_hnt: secret }],
      ["client_notification_token: ", { ...ask, client_notification_token: secret }],
      ["__proto__: ", `{"scope":"openid","login_hint":"jo","__proto__":{"a":"${secret}"}}`],
      ["scope: Missing key", { login_hint: secret }],
      ["scope: ", { scope: ["openid", secret], login_hint: secret }],
      ["login_hint: ", { scope: "openid", login_hint: [secret] }],
      ["requested_expiry: ", { ...ask, requested_expiry: secret }],
      ["authorization_details.0.type: ", { ...ask, authorization_details: [{ kind: secret }] }],
      ["it needs one of login_hint, login_hint_token, id_token_hint", { scope: "openid" }],
      ["it needs one of ", { ...ask, id_token_hint: secret }],
      ['scope: it must contain "openid"', { scope: "profile", login_hint: secret }],
      ["user_code: ", { ...ask, user_code: secret }],
      ["requested_expiry: ", { ...ask, requested_expiry: 0 }],
      ["grant_id needs ", { ...ask, grant_id: "a" }],
      ["needs a grant_id", { ...ask, grant_management_action: "merge" }],
      ["Expected a valid JSON body", `{ "login_hint": "${secret}"`],
      [": ", `"${secret}"`],
      [": ", "null"]
    ]

    for (const [problem, body] of bodies) {
      it.effect(`is answered with 400, and what is wrong, without its values: ${problem}${JSON.stringify(body)}`, () =>
        Effect.gen(function* () {
          const { call } = yield* makeServer
          const answer = yield* call("PUT", "/approvals/transfer-17", { body })
          expect(answer).toMatchObject({ status: 400, body: { error: "InvalidRequest", needs_operator: true } })
          expect(answer.body.message).toContain(problem)
          expect(answer.text).not.toContain(secret)
          expect((yield* call("GET", "/approvals/transfer-17")).status).toBe(404)
          expect(yield* countRequests("backchannel")).toBe(0)
        }).pipe(provide())
      )
    }

    it.effect("is answered with 413 or 415 if it is too large, or no JSON", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        const form = {
          body: "scope=openid&login_hint=jo",
          headers: { "content-type": "application/x-www-form-urlencoded" }
        }
        expect((yield* call("PUT", "/approvals/transfer-17", form)).status).toBe(415)
        const large = { body: { ...ask, binding_message: "a".repeat(70_000) } }
        expect((yield* call("PUT", "/approvals/transfer-17", large)).status).toBe(413)
      }).pipe(provide())
    )

    it.effect("is answered, and ends nothing, if it nests more deeply than a program can read", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        const body = `{"scope":"openid","login_hint":"jo","claims":{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}}`
        const { status } = yield* call("PUT", "/approvals/transfer-17", { body })
        expect([400, 500]).toContain(status)
        expect((yield* call("PUT", "/approvals/transfer-18", { body: ask })).status).toBe(200)
      }).pipe(provide())
    )

    it.effect("is answered with 400 for a wait that is no number, or another query", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        for (const query of ["wait=soon", "wait=-1", "wait=Infinity", "wait=NaN", "wiat=3"]) {
          const answer = yield* call("GET", `/approvals/transfer-17/result?${query}`)
          expect(answer).toMatchObject({ status: 400, body: { error: "InvalidRequest" } })
        }
      }).pipe(provide())
    )
  })

  describe("an approval that is not there", () => {
    it.effect("is answered with 404", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        for (const [method, path] of [
          ["GET", "/approvals/none"],
          ["GET", "/approvals/none/result"],
          ["DELETE", "/approvals/none"]
        ] as const) {
          expect(yield* call(method, path)).toMatchObject({ status: 404, body: { error: "ApprovalNotFound" } })
        }
      }).pipe(provide())
    )

    it.effect("is answered with 409 if its key is for another request", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        yield* call("PUT", "/approvals/transfer-17", { body: ask })
        const other = { body: { ...ask, binding_message: "W4SCT" } }
        expect(yield* call("PUT", "/approvals/transfer-17", other)).toMatchObject({
          status: 409,
          body: { error: "ApprovalConflict", can_ask_again: false, needs_operator: true }
        })
      }).pipe(provide())
    )

    it.effect("is answered with 422 if the provider refuses the request, and can be started again", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        const body = { ...ask, login_hint: "no-one" }
        expect(yield* call("PUT", "/approvals/transfer-17", { body })).toMatchObject({
          status: 422,
          body: { error: "RequestRefused", reason: "UnknownUserId", can_ask_again: true }
        })
        expect((yield* call("PUT", "/approvals/transfer-17", { body: ask })).status).toBe(200)
      }).pipe(provide())
    )

    it.effect("is answered with 502 if the provider does not accept this client, or its response is lost", () =>
      Effect.gen(function* () {
        const { call } = yield* makeServer
        expect(yield* call("PUT", "/approvals/transfer-17", { body: ask })).toMatchObject({
          status: 502,
          body: { error: "ProviderFailed", reason: "InvalidClient", needs_operator: true }
        })
        expect(yield* call("PUT", "/approvals/transfer-17", { body: ask })).toMatchObject({
          status: 502,
          body: { error: "ProviderFailed", reason: "TransportError", can_ask_again: false }
        })
      }).pipe(
        provide({
          backchannelScript: ProviderScript.make([
            ProviderScript.error("invalid_client", { status: 401 }),
            ProviderScript.reset
          ])
        })
      )
    )

    it.effect("is answered with 410 when its acknowledgement is lost", () =>
      Effect.gen(function* () {
        const { call, options } = yield* makeServer
        const sql = yield* SqlClient.SqlClient
        yield* call("PUT", "/approvals/transfer-17", { body: ask })
        yield* sql`update ${sql(`${options.prefix}_approval`)} set renewed_at = 0`
        for (const [method, path, options] of [
          ["PUT", "/approvals/transfer-17", { body: ask }],
          ["GET", "/approvals/transfer-17", {}],
          ["GET", "/approvals/transfer-17/result", {}],
          ["DELETE", "/approvals/transfer-17", {}]
        ] as const) {
          expect(yield* call(method, path, options)).toMatchObject({
            status: 410,
            body: { error: "AcknowledgementLost", can_ask_again: false }
          })
        }
        expect(yield* countRequests("backchannel")).toBe(1)
      }).pipe(provide({ backchannelScript: ProviderScript.make([ProviderScript.reset]) }))
    )

    it.effect("is answered with 503 while the database cannot be used, and says nothing of it", () =>
      Effect.gen(function* () {
        const { call, options } = yield* makeServer
        const sql = yield* SqlClient.SqlClient
        yield* sql`alter table ${sql(`${options.prefix}_approval`)} rename to ${sql("elsewhere")}`
        for (const method of ["PUT", "GET", "DELETE"]) {
          const answer = yield* call(method, "/approvals/transfer-17", method === "PUT" ? { body: ask } : {})
          expect(answer).toMatchObject({ status: 503, body: { error: "Unavailable" } })
          expect(answer.text).not.toContain(options.prefix)
        }
        yield* sql`alter table ${sql("elsewhere")} rename to ${sql(`${options.prefix}_approval`)}`
        expect(yield* countRequests("backchannel")).toBe(0)
      }).pipe(provide())
    )

    it.effect("is answered with 500 if none of the keys has sealed its result", () =>
      Effect.gen(function* () {
        const { call, options } = yield* makeServer
        const sql = yield* SqlClient.SqlClient
        yield* call("PUT", "/approvals/transfer-17", { body: ask })
        yield* call("GET", "/approvals/transfer-17/result?wait=3")
        yield* sql`update ${sql(`${options.prefix}_authentication`)} set result = ${"ciba1.x.AAAA"}`
        expect(yield* call("GET", "/approvals/transfer-17/result")).toMatchObject({
          status: 500,
          body: { error: "InternalError", needs_operator: true }
        })
      }).pipe(provide({ user: TestUser.approve() }))
    )
  })

  describe("the OpenAPI document", () => {
    const Document = Schema.Struct({
      openapi: Schema.String,
      info: Schema.Struct({ title: Schema.String, version: Schema.String }),
      paths: Schema.Record(
        Schema.String,
        Schema.Record(
          Schema.String,
          Schema.Struct({
            operationId: Schema.String,
            parameters: Schema.Array(
              Schema.Struct({ name: Schema.String, in: Schema.String, required: Schema.Boolean })
            ),
            responses: Schema.Record(Schema.String, Schema.Struct({ description: Schema.String })),
            security: Schema.Array(Schema.Record(Schema.String, Schema.Array(Schema.String)))
          })
        )
      ),
      components: Schema.Struct({ securitySchemes: Schema.Record(Schema.String, Schema.Unknown) })
    })

    it.effect(
      "names each route, its parameters, its statuses and its security, and refers to nothing that it has not",
      () =>
        Effect.gen(function* () {
          const { call } = yield* makeServer
          const { status, text } = yield* call("GET", "/openapi.json", { authorization: "" })
          expect(status).toBe(200)
          const { components, openapi, paths } = yield* Schema.decodeEffect(Schema.fromJsonString(Document))(text)
          expect(openapi).toMatch(/^3\.1\./)
          const operations = Object.entries(paths).flatMap(([path, methods]) =>
            Object.entries(methods).map(([method, { parameters, responses, security }]) => {
              expect(security).toEqual([{ bearer: [] }])
              return [
                `${method} ${path}`,
                parameters.map((each) => `${each.in} ${each.name}${each.required ? "" : "?"}`).join(", "),
                Object.keys(responses).join(" ")
              ]
            })
          )
          expect(operations.sort()).toEqual([
            ["delete /approvals/{key}", "path key", "200 400 401 403 404 410 503"],
            ["get /approvals/{key}", "path key", "200 400 401 403 404 410 503"],
            ["get /approvals/{key}/result", "path key, query wait?", "200 202 400 401 403 404 410 500 503"],
            ["put /approvals/{key}", "path key", "200 400 401 403 409 410 422 500 502 503"]
          ])
          expect(components.securitySchemes).toMatchObject({ bearer: { type: "http", scheme: "Bearer" } })
          const document = yield* Schema.decodeEffect(Schema.fromJsonString(Schema.Json))(text)
          for (const [, reference = ""] of text.matchAll(/"\$ref":"#([^"]+)"/g)) {
            expect(find(document, reference.split("/").slice(1)), reference).toBeDefined()
          }
        }).pipe(provide())
    )
  })
})

const find = (document: unknown, [name, ...rest]: ReadonlyArray<string>): unknown => {
  if (name === undefined) return document
  return Predicate.hasProperty(document, name) ? find(document[name], rest) : undefined
}
