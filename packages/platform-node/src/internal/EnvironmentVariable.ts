/** Single variables of the environment: an error names the variable, and shows nothing of its value. */
import { readFile } from "node:fs/promises"
import { ClientRegistration } from "@effect-ciba/core"
import { Config, Effect, Option, Predicate, Redacted } from "effect"

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

  const ensureTrimmed = (name: string, value: string) =>
    value.trim() === value
      ? Effect.succeed(value)
      : fail(name, "it begins or ends with white space, which would be sent, too; remove it")

  /** Editors, and tools that write secrets, end a file with a line break. */
  const readSecretFile = (name: string, path: string) =>
    Effect.matchEffect(Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: codeOf }), {
      onFailure: (code) => fail(name, `the file that it names cannot be read (${code})`),
      onSuccess: (text) =>
        text.trim() === "" ? fail(name, "the file that it names is empty") : Effect.succeed(text.replace(/\r?\n$/, ""))
    })

  const readKey: EnvironmentVariables["readKey"] = Effect.fnUntraced(function* (name) {
    const [value, path] = [yield* optional(name), yield* optional(`${name}_FILE`)]
    if (Option.isNone(path)) return Option.map(value, Redacted.make)
    return Option.isNone(value)
      ? Option.some(Redacted.make(yield* readSecretFile(`${name}_FILE`, path.value)))
      : yield* fail(`${name}_FILE`, `${nameOf(name)} is set, too; remove one of them`)
  })

  return {
    nameOf,
    read,
    readText: (name) =>
      Effect.flatMap(
        optional(name),
        Option.match({ onNone: () => fail(name, "it is not set"), onSome: (value) => ensureTrimmed(name, value) })
      ),
    readKey,
    readSecret: (name) =>
      Effect.tap(readKey(name), (found) =>
        Option.isSome(found) ? ensureTrimmed(name, Redacted.value(found.value)) : Effect.void
      )
  }
}

const codeOf = (error: unknown): string =>
  Predicate.hasProperty(error, "code") && typeof error.code === "string" ? error.code : "unknown error"
