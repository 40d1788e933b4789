// Bundles programs as an application would, and the program that only polls.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { rolldown } from "rolldown"

const root = resolve(import.meta.dirname, "..")

export const imports = (names: string): string => `import { ${names} } from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"`

export const base = `issuer: "https://op.example.com", clientId: "shop",
  authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))`

/** A program that polls with a client secret, and does nothing else. */
export const polls = `${imports("Ciba, ClientAuthentication, UserHint")}
const live = Ciba.layer({ ${base} }).pipe(Layer.provide(FetchHttpClient.layer))
const identity = Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo") })
Effect.runPromise(Effect.provide(identity, live))`

/** The code of a program and all that it imports. */
export const bundle = async (name: string, code: string, minify: boolean): Promise<string> => {
  const folder = mkdtempSync(join(root, "e2e", ".bundle-"))
  try {
    const input = join(folder, `${name}.ts`)
    writeFileSync(input, code)
    const built = await rolldown({ input, platform: "neutral", logLevel: "silent" })
    const { output } = await built.generate({ format: "esm", minify })
    return output[0].code
  } finally {
    rmSync(folder, { recursive: true })
  }
}
