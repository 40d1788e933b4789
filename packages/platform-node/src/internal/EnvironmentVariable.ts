/** Single variables of the environment: an error names the variable, and shows nothing of its value. */
import { ClientRegistration } from "@effect-ciba/core"
import { Config, Effect, Option, Redacted } from "effect"
import * as FileContent from "./FileContent.ts"

type Failure = ClientRegistration.ClientRegistrationError | Config.ConfigError

export interface EnvironmentVariables {
  /** The name of a variable in errors. */
  readonly nameOf: (name: string) => string
  readonly read: <A>(config: Config.Config<A>) => Effect.Effect<A, Config.ConfigError>
  readonly readText: (name: string) => Effect.Effect<string, Failure>
  /** A key, or the content of the file that the variable with `_FILE` after its name gives the path of. */
  readonly readKey: (name: string) => Effect.Effect<Option.Option<Redacted.Redacted<string>>, Failure>
  /** The same for a secret, which has no white space at its ends. A line break at the end of a file does not count. */
  readonly readSecret: (name: string) => Effect.Effect<Option.Option<Redacted.Redacted<string>>, Failure>
}

/** The variables with this prefix, if there is one. */
export const make = (prefix: string | undefined): EnvironmentVariables => {
  const nameOf = (name: string) => (prefix === undefined ? name : `${prefix}_${name}`)

  const fail = (name: string, problem: string) =>
    Effect.fail(new ClientRegistration.ClientRegistrationError({ parameter: nameOf(name), problem }))

  const read: EnvironmentVariables["read"] = (config) => (prefix === undefined ? config : Config.nested(config, prefix))

  const optional = (name: string) => read(Config.option(Config.NonEmptyString(name)))

  const find = Effect.fnUntraced(function* (name: string): Effect.fn.Return<Option.Option<Found>, Failure> {
    const [value, path] = [yield* optional(name), yield* optional(`${name}_FILE`)]
    if (Option.isNone(path)) return Option.map(value, (text) => ({ name, what: "it", text }))
    if (Option.isSome(value)) return yield* fail(`${name}_FILE`, `${nameOf(name)} is set, too; remove one of them`)
    const text = yield* Effect.catch(readSecretFile(path.value), (problem) => fail(`${name}_FILE`, problem))
    return Option.some({ name: `${name}_FILE`, what: "the file that it names", text })
  })

  /** RFC 6749 appendix A: neither a client identifier nor a secret has control characters. */
  const ensurePlain = ({ name, text, what }: Found) => {
    if (text.trim() !== text) {
      return fail(name, `${what} begins or ends with white space, which would be part of the value; remove it`)
    }
    return /\p{Cc}/u.test(text)
      ? fail(name, `${what} has a line break or another control character within; give nothing but the value`)
      : Effect.succeed(text)
  }

  return {
    nameOf,
    read,
    readText: (name) =>
      Effect.flatMap(
        optional(name),
        Option.match({
          onNone: () => fail(name, "it is not set"),
          onSome: (text) => ensurePlain({ name, what: "it", text })
        })
      ),
    readKey: (name) =>
      Effect.map(
        find(name),
        Option.map(({ text }) => Redacted.make(text))
      ),
    readSecret: (name) =>
      Effect.flatMap(
        find(name),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (found) => Effect.asSome(Effect.map(ensurePlain(found), Redacted.make))
        })
      )
  }
}

/** A value, and where it was found. */
interface Found {
  readonly name: string
  readonly what: "it" | "the file that it names"
  readonly text: string
}

/** Editors, and tools that write secrets, may begin a file with a byte order mark, and end it with a line break. */
const readSecretFile = (path: string): Effect.Effect<string, string> =>
  Effect.flatMap(FileContent.read(path), (bytes) =>
    Effect.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, ""),
      catch: () => "the file that it names is no text in UTF-8"
    })
  ).pipe(
    Effect.filterOrFail(
      (text) => text.trim() !== "",
      () => "the file that it names is empty"
    )
  )
