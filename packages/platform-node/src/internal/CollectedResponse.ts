/** A response whose body has been collected. It shows what other responses do: a web response is made where more than the bytes is asked for. */
import { Transport } from "@effect-ciba/core"
import { type Effect, Inspectable, Option, Pipeable, type Schema, type Stream } from "effect"
import {
  Cookies,
  Headers,
  type HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  type UrlParams
} from "effect/http"
import type { Socket } from "effect/socket"
import { isBodiless } from "./ContentDecoding.ts"

/** What undici says of a response before its body. */
export interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}

export class CollectedResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: string
  readonly status: number
  readonly headers: Headers.Headers
  readonly [Transport.CollectedBody]: Transport.CollectedBody
  readonly remoteAddress: Option.Option<string> = Option.none()
  readonly pipe: Pipeable.Pipeable["pipe"] = Pipeable.Prototype.pipe
  private readonly setCookie: ReadonlyArray<string>
  private webResponse: HttpClientResponse.HttpClientResponse | undefined = undefined

  constructor(request: HttpClientRequest.HttpClientRequest, url: string, head: Head, body: Transport.CollectedBody) {
    super()
    this.request = request
    this.url = url
    this.status = head.status
    this.headers = Headers.fromInput(head.headers)
    this.setCookie = [head.headers["set-cookie"] ?? []].flat()
    this[Transport.CollectedBody] = body
  }

  private get web(): HttpClientResponse.HttpClientResponse {
    this.webResponse ??= HttpClientResponse.fromWeb(this.request, toWeb(this))
    return this.webResponse
  }
  get cookies(): Cookies.Cookies {
    return Cookies.fromSetCookie(this.setCookie)
  }
  get stream(): Stream.Stream<Uint8Array, HttpClientError.HttpClientError> {
    return this.web.stream
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.HttpClientError> {
    return this.web.arrayBuffer
  }
  get text(): Effect.Effect<string, HttpClientError.HttpClientError> {
    return this.web.text
  }
  get json(): Effect.Effect<Schema.Json, HttpClientError.HttpClientError> {
    return this.web.json
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.HttpClientError> {
    return this.web.urlParamsBody
  }
  get formData(): Effect.Effect<FormData, HttpClientError.HttpClientError> {
    return this.web.formData
  }
  get upgrade(): Effect.Effect<Socket.Socket, HttpClientError.HttpClientError> {
    return this.web.upgrade
  }
  toJSON(): unknown {
    const { request, status } = this
    return HttpIncomingMessage.inspect(this, {
      _id: "effect/http/HttpClientResponse",
      request: request.toJSON(),
      status
    })
  }
}

/** A status that is none counts as 500 (RFC 9110 section 15). */
const toWeb = (response: CollectedResponse): Response => {
  const { headers, status, [Transport.CollectedBody]: body } = response
  const content = typeof body === "string" ? makeBroken(response, body) : new Uint8Array(body)
  return new Response(isBodiless(status) ? null : content, { headers, status: status > 599 ? 500 : status })
}

const makeBroken = ({ request, status }: CollectedResponse, kind: "TooLarge" | "Unreadable"): ReadableStream =>
  new ReadableStream({ start: (controller) => controller.error(Transport.makeError(kind, request, status)) })
