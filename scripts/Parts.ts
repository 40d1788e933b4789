// What a program that polls consists of, beyond one of Effect alone: the minified code of each module, by its subject.
import { minifySync } from "rolldown/utils"
import { generate, onlyEffect, polls } from "./Bundle.ts"
import { annotateCalls } from "./Modules.ts"

/** In kilobytes, minified. */
export interface Part {
  readonly name: string
  readonly minified: number
}

/** The first that a module's path fits. */
const subjects: Readonly<Record<string, RegExp>> = {
  "modules of Effect that the other program has not": /node_modules\/effect\//,
  "jose: signatures and keys": /node_modules\/jose\//,
  "errors: classes, texts, next steps":
    /(Error|ErrorClass|NextStep|ErrorResponse|InvalidOption|InvalidKey|DecryptionFailed|OutcomeUnknown)\.ts$/,
  "the wait: its function, its driver, the policy, what is stored of it":
    /src\/(wait\/(?!Ciba|Metric)|pending\/|internal\/(Heap|Slots|Timeline|Backoff)\.)/,
  "events and metrics": /src\/(wait\/|internal\/(Broadcast|Sweep)\.)/,
  "requests and responses with limits; secrets that no text may show":
    /src\/(http\/|internal\/(Span|DisplayText|SecretText)\.)/,
  "the request for authentication": /src\/request\//,
  "the token request": /src\/token\//,
  "metadata and keys of the provider, and what is checked before a request": /src\/provider\//,
  "registration and authentication of the client": /src\/(client|profile)\//,
  "verification of the ID Token": /src\/(identity|crypto)\//,
  "the flow, and what all use": /./
}

const subjectOf = (id: string): string => Object.entries(subjects).find(([, pattern]) => pattern.test(id))?.[0] ?? id

/** The minified size of the modules of a program, by subject, in bytes. */
const measureModules = async (name: string, code: string): Promise<ReadonlyMap<string, number>> => {
  const { modules } = await generate(name, code, "dce-only", { plugins: [annotateCalls] })
  const sizes = new Map<string, number>()
  for (const [id, { code: rendered }] of Object.entries(modules)) {
    const { code: minified } = minifySync(id, rendered ?? "", { compress: false, mangle: { toplevel: true } })
    const subject = subjectOf(id)
    sizes.set(subject, (sizes.get(subject) ?? 0) + Buffer.byteLength(minified))
  }
  return sizes
}

export const measure = async (): Promise<ReadonlyArray<Part>> => {
  const [own, effect] = [await measureModules("polls", polls), await measureModules("effect", onlyEffect)]
  return Object.keys(subjects).map((name) => ({
    name,
    minified: Math.round(((own.get(name) ?? 0) - (effect.get(name) ?? 0)) / 1024)
  }))
}
