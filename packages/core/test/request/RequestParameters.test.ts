import { describe, expect, it } from "@effect/vitest"
import { type AuthenticationRequest, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { TestClient } from "@effect-ciba/testing"
import { Effect, Redacted, Schema } from "effect"
import * as RequestParameters from "../../src/request/RequestParameters.ts"
import { initiate, postBodies } from "../support/AuthenticationFlow.ts"

const body = (options: Partial<AuthenticationRequest.Options>) =>
  Effect.map(postBodies(initiate({ hint: UserHint.login("jo"), ...options })), (bodies) => bodies.join("\n"))

describe("RequestParameters.toForm", () => {
  it.effect(
    "the form of a request is these bytes, its parameters first and client authentication last (C1, C16, U6, T-25)",
    () =>
      Effect.gen(function* () {
        const bodies = yield* postBodies(
          initiate({
            scope: ["profile", "openid"],
            hint: UserHint.login("jo@example.com"),
            acrValues: ["urn:gold", "urn:silver"],
            bindingMessage: "W4SCT",
            userCode: Redacted.make("12 34"),
            requestedExpiry: "1 minute",
            clientNotificationToken: Redacted.make(`${"t".repeat(22)}+/=`),
            resource: ["https://a.test", "https://b.test"],
            grantManagement: { action: "replace", grantId: "g-1" },
            extensionParameters: { audience: "till 3" }
          }),
          {
            authentication: ClientAuthentication.clientSecretPost(Redacted.make("s+=&")),
            deliveryMode: "push",
            userCodeParameter: true
          }
        )
        expect(bodies).toEqual([
          [
            "scope=profile+openid",
            "login_hint=jo%40example.com",
            `client_notification_token=${"t".repeat(22)}%2B%2F%3D`,
            "acr_values=urn%3Agold+urn%3Asilver",
            "binding_message=W4SCT",
            "user_code=12+34",
            "requested_expiry=60",
            "resource=https%3A%2F%2Fa.test",
            "resource=https%3A%2F%2Fb.test",
            "grant_management_action=replace",
            "grant_id=g-1",
            "audience=till+3",
            `client_id=${TestClient.clientId}`,
            "client_secret=s%2B%3D%26"
          ].join("&")
        ])
      })
  )

  const hints: ReadonlyArray<readonly [hint: string, encoded: string]> = [
    ["tel:+4930123456", "tel%3A%2B4930123456"],
    ["a+b c", "a%2Bb+c"],
    ["a&scope=admin#?%20", "a%26scope%3Dadmin%23%3F%2520"],
    [
      '{"format":"iss_sub","iss":"https://op.test/","sub":"auth0|1"}',
      "%7B%22format%22%3A%22iss_sub%22%2C%22iss%22%3A%22https%3A%2F%2Fop.test%2F%22%2C%22sub%22%3A%22auth0%7C1%22%7D"
    ],
    ["urn:consent:C1DD33123", "urn%3Aconsent%3AC1DD33123"],
    ["jö", "j%C3%B6"]
  ]
  for (const [hint, encoded] of hints) {
    it.effect(`the hint ${hint} is form-encoded and otherwise unchanged (T-29)`, () =>
      Effect.gen(function* () {
        expect(yield* body({ hint: UserHint.login(hint) })).toBe(
          `scope=openid&login_hint=${encoded}&client_id=${TestClient.clientId}`
        )
      })
    )
  }

  it.effect("text that is not ASCII is encoded as UTF-8 (C1)", () =>
    Effect.gen(function* () {
      expect(yield* body({ bindingMessage: "Grüße €1 🔑" })).toBe(
        `scope=openid&login_hint=jo&binding_message=Gr%C3%BC%C3%9Fe+%E2%82%AC1+%F0%9F%94%91&client_id=${TestClient.clientId}`
      )
    })
  )

  it.effect("an empty list is not a parameter of the form (C16)", () =>
    Effect.gen(function* () {
      expect(yield* body({ acrValues: [], resource: [] })).toBe(
        `scope=openid&login_hint=jo&client_id=${TestClient.clientId}`
      )
    })
  )

  it.effect.prop(
    "any hint is read from the form as it was given (T-29)",
    [
      Schema.NonEmptyArray(
        Schema.Literals(["a", "+", "&", "=", "{", '"', "%", "%2B", ";", "#", "\0", "\r\n", "ü", "🔑"])
      )
    ],
    ([characters]) =>
      Effect.gen(function* () {
        const hint = characters.join("")
        const read = new URLSearchParams(yield* body({ hint: UserHint.login(`jo ${hint}`) }))
        expect([...read]).toEqual([
          ["scope", "openid"],
          ["login_hint", `jo ${hint}`],
          ["client_id", TestClient.clientId]
        ])
      }),
    { arbitrary: { runs: 50 } }
  )

  it("a value that is not a string is JSON, and only resource is repeated (C15, C16)", () => {
    expect(
      RequestParameters.toForm([
        ["resource", ["https://a.test", "https://b.test"]],
        ["audience", ["a", "b"]],
        ["count", 1],
        ["flag", false],
        ["nothing", null],
        ["object", { ü: [1] }]
      ])
    ).toEqual([
      ["resource", "https://a.test"],
      ["resource", "https://b.test"],
      ["audience", '["a","b"]'],
      ["count", "1"],
      ["flag", "false"],
      ["nothing", "null"],
      ["object", '{"ü":[1]}']
    ])
  })
})
