/** What the tokens of a request are bound to: the key of its DPoP proof, or the client's certificate (RFC 9449, RFC 8705). */
import { Context, Effect } from "effect"
import type { Certificate, TestClient } from "../TestClient.ts"
import type { DpopProofs } from "./DpopProofs.ts"
import { type FormRequest, invalidRequest } from "./FormRequest.ts"
import type { ProviderResponse } from "./ProviderResponse.ts"

/** The `cnf` of a token; `undefined` for a bearer token. */
export type Confirmation = { readonly jkt: string } | { readonly "x5t#S256": string } | undefined

/** The certificate of the connection that the current request came by. */
export const PresentedCertificate: Context.Reference<Certificate | undefined> = Context.Reference(
  "@effect-ciba/testing/PresentedCertificate",
  { defaultValue: (): Certificate | undefined => undefined }
)

export const confirm = Effect.fnUntraced(function* (
  proofs: DpopProofs,
  client: TestClient,
  form: FormRequest
): Effect.fn.Return<Confirmation, ProviderResponse> {
  const jkt = yield* proofs.verify(form)
  if (jkt !== undefined) return { jkt }
  if (!client.certificateBoundAccessTokens) return undefined
  return form.certificate === undefined
    ? yield* invalidRequest("The client's tokens are bound to its certificate, and there is none")
    : { "x5t#S256": form.certificate.thumbprint }
})

export const thumbprintOf = (confirmation: Confirmation): string | undefined =>
  confirmation !== undefined && "jkt" in confirmation ? confirmation.jkt : undefined

/** Whether the certificate is the one that a token is bound to, if it is bound to one. */
export const isPresented = (confirmation: Confirmation, certificate: Certificate | undefined): boolean =>
  confirmation === undefined || !("x5t#S256" in confirmation) || confirmation["x5t#S256"] === certificate?.thumbprint
