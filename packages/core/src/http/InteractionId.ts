/**
 * An id by which client and provider find the same call in their logs.
 *
 * @see FAPI 1.0 Baseline 6.2.1-11 and 6.2.2
 */
import { Effect } from "effect"
import { WebCrypto } from "effect/crypto"
import type { HttpClientRequest, HttpClientResponse } from "effect/http"

const name = "x-fapi-interaction-id"

/** The header of one call, with a new id. */
export const generateHeader: Effect.Effect<Readonly<Record<string, string>>> = Effect.map(
  WebCrypto.WebCrypto,
  (crypto) => ({
    [name]: crypto.randomUUID()
  })
)

/** Whether an answer gives back the id that its request carried, if it carried one. */
export const isEchoed = (
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse.HttpClientResponse
): boolean => request.headers[name] === undefined || request.headers[name] === response.headers[name]
