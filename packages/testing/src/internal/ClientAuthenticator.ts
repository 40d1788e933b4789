/** Who is asking, and whether they can prove it, at every endpoint alike. */
import { Effect, Redacted, Result } from "effect"
import { Base64 } from "effect/encoding"
import type { TestClient } from "../TestClient.ts"
import * as ClientAssertion from "./ClientAssertion.ts"
import { type FormRequest, invalid, type Parameters } from "./FormRequest.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import type { Settings } from "./Settings.ts"

export type Authenticate = (
  form: FormRequest,
  parameters: Parameters
) => Effect.Effect<TestClient, ProviderResponse.ProviderResponse>

export const make = (settings: Settings): Authenticate => {
  const judge = ClientAssertion.make(settings)
  return Effect.fnUntraced(function* (form, parameters) {
    const presented = yield* presentedIn(form, parameters)
    const refuse = (description: string) => Effect.fail(refusal(presented, description))
    const client = settings.clients.get(presented.clientId)
    if (client === undefined) return yield* refuse("The client is unknown")
    const named = parameters.get("client_id")
    if (named !== undefined && named !== client.clientId) return yield* refuse("client_id names another client")
    const { authentication } = client
    if (
      authentication.method !== presented.method &&
      !(isAssertion(authentication.method) && isAssertion(presented.method))
    ) {
      return yield* refuse(`The client is registered for ${authentication.method}, and not for ${presented.method}`)
    }
    switch (authentication.method) {
      case "none":
        return client
      case "client_secret_basic":
      case "client_secret_post":
        return presented.proof === Redacted.value(authentication.secret)
          ? client
          : yield* refuse("The client secret is wrong")
      case "client_secret_jwt":
      case "private_key_jwt": {
        const problem = yield* judge(Redacted.make(presented.proof), client.clientId, authentication)
        return problem === undefined ? client : yield* refuse(problem)
      }
    }
  })
}

interface Presented {
  readonly method: TestClient["authentication"]["method"]
  readonly clientId: string
  readonly proof: string
}

const presentedIn = (
  form: FormRequest,
  parameters: Parameters
): Effect.Effect<Presented, ProviderResponse.ProviderResponse> => {
  const clientId = parameters.get("client_id")
  const authorization = form.headers.authorization
  const assertion = parameters.get("client_assertion")
  const secret = parameters.get("client_secret")
  if ([authorization, assertion, secret].filter((proof) => proof !== undefined).length > 1) {
    return invalid("The client authenticates in more than one way")
  }
  if (authorization !== undefined) return basic(authorization)
  if (assertion !== undefined) {
    return parameters.get("client_assertion_type") === ClientAssertion.type
      ? Effect.succeed({
          method: "private_key_jwt",
          clientId: clientId ?? ClientAssertion.subject(assertion) ?? "",
          proof: assertion
        })
      : invalid("client_assertion_type is missing or unknown")
  }
  if (clientId === undefined)
    return Effect.fail(ProviderResponse.error("invalid_client", { description: "No client is named" }))
  return Effect.succeed(
    secret === undefined
      ? { method: "none", clientId, proof: "" }
      : { method: "client_secret_post", clientId, proof: secret }
  )
}

const basic = (authorization: string): Effect.Effect<Presented, ProviderResponse.ProviderResponse> => {
  const encoded = /^Basic +(\S+)$/i.exec(authorization)?.[1] ?? ""
  const pair = Result.getOrElse(Base64.decodeString(encoded), () => "")
  const colon = pair.indexOf(":")
  const presented: Presented = {
    method: "client_secret_basic",
    clientId: formDecode(pair.slice(0, Math.max(colon, 0))),
    proof: formDecode(pair.slice(colon + 1))
  }
  return colon > 0
    ? Effect.succeed(presented)
    : Effect.fail(refusal(presented, "The Authorization header is malformed"))
}

const isAssertion = (method: TestClient["authentication"]["method"]): boolean =>
  method === "client_secret_jwt" || method === "private_key_jwt"

const formDecode = (text: string): string => new URLSearchParams(`value=${text}`).get("value") ?? ""

const refusal = (presented: Presented, description: string): ProviderResponse.ProviderResponse =>
  ProviderResponse.error("invalid_client", {
    description,
    headers: presented.method === "client_secret_basic" ? { "www-authenticate": 'Basic realm="provider"' } : {}
  })
