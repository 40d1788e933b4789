/** The error response of an endpoint: its members, and classes for its codes. */
import { type Duration, type Redacted, Schema } from "effect"
import * as ErrorClass from "../internal/ErrorClass.ts"
import type { NextStep } from "../internal/NextStep.ts"
import { findHint, findTag } from "./ProviderHabits.ts"

/** The members of an error response. */
export const fields: {
  readonly code: Schema.String
  readonly description: Schema.optionalKey<Schema.String>
  readonly uri: Schema.optionalKey<Schema.String>
  readonly status: Schema.Int
  readonly retryAfter: Schema.optionalKey<Schema.Duration>
} = {
  /** The `error` code, cut at 100 characters. */
  code: Schema.String,
  /** The provider's `error_description`, for developers, cut at 500 characters. */
  description: Schema.optionalKey(Schema.String),
  /** The provider's `error_uri`, cut at 500 characters. */
  uri: Schema.optionalKey(Schema.String),
  /** The HTTP status; 200 for an error that a provider pushed. */
  status: Schema.Int,
  /** The delay that `Retry-After` asks for. */
  retryAfter: Schema.optionalKey(Schema.Duration)
}

/**
 * An error response, decoded.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface OAuthError {
  readonly code: string
  readonly description?: string
  readonly uri?: string
  readonly status: number
  readonly retryAfter?: Duration.Duration
  /** The other members of the response. They may quote the request, so no error has them. */
  readonly additional?: Redacted.Redacted<Readonly<Record<string, Schema.Json>>>
}

/** An error code, what it means, and what to do about it. */
export type Row = readonly [code: string, sentence: string, next: NextStep]

/** Makes the classes for the error codes of a table, by their tags. */
export const fromTable: <Tags extends string>(
  table: Readonly<Record<Tags, Row>>
) => <Self = never>() => <Tag extends Tags>(
  tag: Tag
) => ([Self] extends [never] ? string : ErrorClass.Class<Self, Tag, typeof fields>) & {
  readonly row: ErrorClass.Row
} & { readonly code: string } =
  (table) =>
  <Self>() =>
  (tag) => {
    const [code, ...row] = table[tag]
    return Object.assign(ErrorClass.make<Self>()(tag, fields, row, { hint: (error) => findHint(tag, error) }), { code })
  }

/** The class for an error response, among these; undefined for a code that none of them has. */
export const findClass = <C extends { readonly code: string; readonly identifier: string }>(
  classes: ReadonlyArray<C>,
  error: OAuthError
): C | undefined => {
  const tag = findTag(error)
  return classes.find(({ identifier }) => identifier === tag) ?? classes.find(({ code }) => code === error.code)
}

/** Whether the same request may succeed later, by its status, which may be that of a gateway. */
export const isTransientStatus = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status)
