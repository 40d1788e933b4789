/** Client authentication, which every endpoint demands alike (OpenID Connect Core 9). */
import { Effect, Redacted, Result } from "effect"
import { Base64 } from "effect/encoding"
import type { TestClient } from "../TestClient.ts"
import * as ClientAssertion from "./ClientAssertion.ts"
import { type FormRequest, invalidRequest, type Parameters } from "./FormRequest.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import type { Settings } from "./Settings.ts"

export type Authenticate = (
  form: FormRequest,
  parameters: Parameters
) => Effect.Effect<TestClient, ProviderResponse.ProviderResponse>

type Method = TestClient["authentication"]["method"]

/** The credentials of a request. Which of the two assertion methods it uses is not in them. */
interface Credentials {
  readonly method: Method
  readonly clientId: string
  /** The client secret, the client assertion, or nothing. */
  readonly value: string
}

export const make = (settings: Settings): Authenticate => {
  const verifyAssertion = ClientAssertion.make(settings)
  return Effect.fnUntraced(function* (form, parameters) {
    const credentials = yield* readCredentials(form, parameters)
    const refuse = (description: string) => Effect.fail(invalidClient(credentials, description))
    const client = settings.clients.get(credentials.clientId)
    if (client === undefined) return yield* refuse("The client is unknown")
    if ((parameters.get("client_id") ?? client.clientId) !== client.clientId) {
      return yield* refuse("client_id is another client's")
    }
    const { authentication } = client
    if (toRequestMethod(authentication.method) !== credentials.method) {
      return yield* refuse(`The client is registered for ${authentication.method}, and not for ${credentials.method}`)
    }
    switch (authentication.method) {
      case "none":
        return client
      case "client_secret_basic":
      case "client_secret_post":
        return credentials.value === Redacted.value(authentication.secret)
          ? client
          : yield* refuse("The client secret is wrong")
      case "tls_client_auth":
        return form.certificate?.subject === authentication.subject && form.certificate.verified !== false
          ? client
          : yield* refuse("There is no verified certificate with the client's subject")
      case "self_signed_tls_client_auth":
        return form.certificate?.thumbprint === authentication.thumbprint
          ? client
          : yield* refuse("The certificate is not the client's")
      case "client_secret_jwt":
      case "private_key_jwt": {
        const problem = yield* verifyAssertion(Redacted.make(credentials.value), client.clientId, authentication)
        return problem === undefined ? client : yield* refuse(problem)
      }
    }
  })
}

const readCredentials = (
  form: FormRequest,
  parameters: Parameters
): Effect.Effect<Credentials, ProviderResponse.ProviderResponse> => {
  const clientId = parameters.get("client_id")
  const authorization = form.headers.authorization
  const assertion = parameters.get("client_assertion")
  const secret = parameters.get("client_secret")
  if ([authorization, assertion, secret].filter((value) => value !== undefined).length > 1) {
    return invalidRequest("The client authenticates in more than one way")
  }
  if (authorization !== undefined) return readBasic(authorization)
  if (assertion !== undefined) {
    return parameters.get("client_assertion_type") === ClientAssertion.type
      ? Effect.succeed({
          method: "private_key_jwt",
          clientId: clientId ?? ClientAssertion.subject(assertion) ?? "",
          value: assertion
        })
      : invalidRequest("client_assertion_type is missing or unknown")
  }
  if (clientId === undefined) {
    return Effect.fail(ProviderResponse.error("invalid_client", { description: "There is no client_id" }))
  }
  return Effect.succeed(
    secret === undefined
      ? { method: "none", clientId, value: "" }
      : { method: "client_secret_post", clientId, value: secret }
  )
}

const readBasic = (authorization: string): Effect.Effect<Credentials, ProviderResponse.ProviderResponse> => {
  const encoded = /^Basic +(\S+)$/i.exec(authorization)?.[1] ?? ""
  const pair = Result.getOrElse(Base64.decodeString(encoded), () => "")
  const colon = pair.indexOf(":")
  const credentials: Credentials = {
    method: "client_secret_basic",
    clientId: formDecode(pair.slice(0, Math.max(colon, 0))),
    value: formDecode(pair.slice(colon + 1))
  }
  return colon > 0
    ? Effect.succeed(credentials)
    : Effect.fail(invalidClient(credentials, "The Authorization header is malformed"))
}

/** The method by which the credentials of a request go: a request with an assertion or a certificate does not say more. */
const toRequestMethod = (method: Method): Credentials["method"] => {
  if (method === "client_secret_jwt") return "private_key_jwt"
  return method === "tls_client_auth" || method === "self_signed_tls_client_auth" ? "none" : method
}

const formDecode = (text: string): string => new URLSearchParams(`value=${text}`).get("value") ?? ""

const invalidClient = ({ method }: Credentials, description: string): ProviderResponse.ProviderResponse =>
  ProviderResponse.error("invalid_client", {
    description,
    headers: method === "client_secret_basic" ? { "www-authenticate": 'Basic realm="provider"' } : {}
  })
