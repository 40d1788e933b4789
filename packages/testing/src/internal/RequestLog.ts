/** The record of all requests, in the order of their arrival. */
import { Redacted } from "effect"
import { Headers } from "effect/http"
import type { Endpoint, RequestRecord } from "../RequestRecord.ts"
import type { FormRequest } from "./FormRequest.ts"
import type { ProviderResponse } from "./ProviderResponse.ts"

/** The record of a request that is being handled. */
export interface OpenRecord {
  readonly respond: (response: ProviderResponse, at: number) => void
  /** The exchange is over, with a response or without. */
  readonly close: () => void
  /** The caller has interrupted the request. */
  readonly abort: () => void
}

export interface RequestLog {
  readonly open: (form: FormRequest, endpoint: Endpoint, at: number) => OpenRecord
  readonly records: () => ReadonlyArray<RequestRecord>
  readonly inFlightMax: () => number
  readonly abortedCount: () => number
}

export const make = (): RequestLog => {
  const records: RequestRecord[] = []
  const inFlight = new Map<string, number>()
  let inFlightMax = 0
  let aborted = 0

  const count = (authReqId: string | undefined, difference: 1 | -1): void => {
    if (authReqId === undefined) return
    const now = (inFlight.get(authReqId) ?? 0) + difference
    inFlight.set(authReqId, now)
    inFlightMax = Math.max(inFlightMax, now)
  }

  return {
    open: (form, endpoint, at) => {
      const authorization = form.headers.authorization
      const record: RequestRecord = {
        at,
        endpoint,
        method: form.method,
        url: form.url.href,
        headers: Headers.remove(form.headers, "authorization"),
        authorization:
          authorization === undefined ? undefined : Redacted.make(authorization, { label: "Authorization" }),
        parameters: form.parameters,
        respondedAt: undefined,
        status: undefined,
        error: undefined
      }
      const index = records.push(record) - 1
      const authReqId = endpoint === "token" ? form.parameters.find(([name]) => name === "auth_req_id")?.[1] : undefined
      count(authReqId, 1)
      return {
        respond: ({ error, status }, respondedAt) => {
          records[index] = { ...record, respondedAt, error, status }
        },
        close: () => count(authReqId, -1),
        abort: () => {
          aborted += 1
        }
      }
    },
    records: () => [...records],
    inFlightMax: () => inFlightMax,
    abortedCount: () => aborted
  }
}
