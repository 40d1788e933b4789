/**
 * The parameters of a request, and their two ways to travel: as a form, or as the claims of a signed request.
 *
 * @see CIBA Core 1.0 sections 7.1 and 7.1.1
 */
import { Schema } from "effect"

/** A parameter. One that is not text is JSON: as text in a form, as it is in a claim. */
export type Parameter = readonly [name: string, value: Schema.Json]

/** The parameters as a form. `resource` alone is there once for each of its values (RFC 8707 2). */
export const form = (parameters: ReadonlyArray<Parameter>): ReadonlyArray<readonly [string, string]> =>
  parameters.flatMap(([name, value]) =>
    name === "resource" && Array.isArray(value)
      ? value.map((one) => [name, text(one)] as const)
      : [[name, text(value)] as const]
  )

/** The parameters as claims, each with its JSON type. */
export const claims = (parameters: ReadonlyArray<Parameter>): Readonly<Record<string, Schema.Json>> =>
  Object.fromEntries(parameters)

const text = (value: Schema.Json): string => (typeof value === "string" ? value : encode(value))

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Json))
