// The tests that a runtime does not pass, each with the reason. An entry that a runtime passes after all is an error.
export interface Exception {
  readonly runtimes: ReadonlyArray<string>
  readonly title: RegExp
  readonly reason: string
}

export const exceptions: ReadonlyArray<Exception> = [
  {
    runtimes: ["Bun", "Deno", "workerd"],
    title: /^a provider that sends Content-Length and Transfer-Encoding/,
    reason: "its `fetch` reads such a response by its chunks, as RFC 9112 section 6.3 permits, and does not tell"
  }
]

export const findException = (runtime: string, title: string): Exception | undefined =>
  exceptions.find((exception) => exception.runtimes.includes(runtime) && exception.title.test(title))
