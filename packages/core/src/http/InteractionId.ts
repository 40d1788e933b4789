/**
 * `x-fapi-interaction-id`: the id by which client and provider find the same request in their logs.
 *
 * @see FAPI 1.0 Baseline 6.2.1-11 and 6.2.2
 */
import { Effect } from "effect"
import type { Headers, HttpClientRequest } from "effect/http"
import * as RandomToken from "../crypto/RandomToken.ts"

const name = "x-fapi-interaction-id"

/** The header of one request, with a new id. */
export const generateHeader: Effect.Effect<Readonly<Record<string, string>>> = Effect.map(RandomToken.uuid, (id) => ({
  [name]: id
}))

/** Whether the headers of a response return the id of its request; `true` if the request has none. */
export const isEchoed = (request: HttpClientRequest.HttpClientRequest, headers: Headers.Headers): boolean =>
  request.headers[name] === undefined || request.headers[name] === headers[name]
