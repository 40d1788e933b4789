/** The record of all requests, in the order of their arrival. */
import { Redacted } from "effect"
import { Headers } from "effect/http"
import type { Endpoint, RequestRecord } from "../RequestRecord.ts"
import type { FormRequest } from "./FormRequest.ts"
import type { ProviderResponse } from "./ProviderResponse.ts"

/** A request that is being handled. */
export interface Opened {
  readonly answered: (response: ProviderResponse, at: number) => void
  /** The request is over, answered or not. */
  readonly closed: () => void
  /** The caller gave up. */
  readonly aborted: () => void
}

export interface RequestLog {
  readonly open: (form: FormRequest, endpoint: Endpoint, at: number) => Opened
  readonly records: () => ReadonlyArray<RequestRecord>
  readonly inFlightMax: () => number
  /** How many token requests are over, answered or not. */
  readonly pollsOver: () => number
  readonly aborted: () => number
}

export const make = (): RequestLog => {
  const records: RequestRecord[] = []
  const inFlight = new Map<string, number>()
  let inFlightMax = 0
  let pollsOver = 0
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
      const opened: RequestRecord = {
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
      const index = records.push(opened) - 1
      const authReqId = endpoint === "token" ? form.parameters.find(([name]) => name === "auth_req_id")?.[1] : undefined
      count(authReqId, 1)
      return {
        answered: ({ error, status }, respondedAt) => {
          records[index] = { ...opened, respondedAt, error, status }
        },
        closed: () => {
          count(authReqId, -1)
          if (endpoint === "token") pollsOver += 1
        },
        aborted: () => {
          aborted += 1
        }
      }
    },
    records: () => [...records],
    inFlightMax: () => inFlightMax,
    pollsOver: () => pollsOver,
    aborted: () => aborted
  }
}
