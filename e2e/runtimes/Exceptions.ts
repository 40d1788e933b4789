// The tests that a runtime does not pass, each with the reason. An entry that a runtime passes after all is an error.
export interface Exception {
  readonly runtimes: ReadonlyArray<string>
  readonly title: RegExp
  readonly reason: string
}

export const exceptions: ReadonlyArray<Exception> = [
  {
    runtimes: ["Deno"],
    title: /^a POST to \S+ is sent once on a used connection/,
    reason:
      "its `fetch` sends a POST again by itself if the server ends a used connection without a response. An authentication request can reach the end-user twice"
  },
  {
    runtimes: ["Bun", "Deno", "workerd"],
    title: /^a provider that sends Content-Length and Transfer-Encoding/,
    reason: "its `fetch` reads such a response by its chunks, as RFC 9112 section 6.3 permits, and does not tell"
  },
  {
    runtimes: ["workerd"],
    title: /^waits in two requests to a server/,
    reason:
      "all waits and time limits of a process share one timer, which belongs to the request that set it: outside a Durable Object the waits of other requests hang. Run one client in a Durable Object"
  }
]

export const findException = (runtime: string, title: string): Exception | undefined =>
  exceptions.find((exception) => exception.runtimes.includes(runtime) && exception.title.test(title))
