/**
 * Error classes from tables. A row says what an error means and what to do about it; `message`, `String`,
 * `JSON.stringify`, `util.inspect`, the loggers and `Cause.pretty` show the row's sentence and the fields, once.
 */
import { type Cause, DateTime, Duration, Record, Schema } from "effect"
import { NodeInspectSymbol } from "effect/Inspectable"
import { toSingleLine } from "./DisplayText.ts"
import { type NextStep, steps } from "./NextStep.ts"

/** What an error means, and what to do about it. */
export type Row = readonly [sentence: string, next: NextStep]

/** What every error has besides its fields. */
export interface Explained {
  /** What to do about it, as a name that a program can decide by. */
  readonly next: NextStep
  /** What to do about it, in words. */
  readonly advice: string
}

/** Where the fields of an error decide more than its row can say. */
export interface Overrides<Fields> {
  /** The whole message, instead of the sentence followed by the fields. */
  readonly message?: (fields: Fields) => string
  readonly next?: (fields: Fields) => NextStep
  /** A sentence after the message. */
  readonly hint?: (fields: Fields) => string | undefined
}

/** The class of an error with these fields. */
export type Class<Self, Tag extends string, Fields extends Schema.Struct.Fields> = Schema.Class<
  Self,
  Schema.TaggedStruct<Tag, Fields>,
  Cause.YieldableError & Explained
>

// The return types are written out: an alias for the conditional type would be circular in declaration files.

/** Makes an error class of a tag, its fields and its row. */
export const make =
  <Self = never>(): (<Tag extends string, const Fields extends Schema.Struct.Fields>(
    tag: Tag,
    fields: Fields,
    row: Row,
    overrides?: Overrides<Schema.Struct.Type<Fields>>
  ) => ([Self] extends [never] ? string : Class<Self, Tag, Fields>) & { readonly row: Row }) =>
  (tag, fields, row, overrides) =>
    explain(Schema.TaggedError<Self, Explained>()(tag, fields), row, overrides ?? {})

/** Makes error classes of the rows of a table, by their tags. */
export const fromTable: <Tags extends string>(
  table: Readonly<Record<Tags, Row>>
) => <Self = never>() => <Tag extends Tags, const Fields extends Schema.Struct.Fields>(
  tag: Tag,
  fields: Fields,
  overrides?: Overrides<Schema.Struct.Type<Fields>>
) => ([Self] extends [never] ? string : Class<Self, Tag, Fields>) & { readonly row: Row } =
  (table) =>
  <Self>() =>
  (tag, fields, overrides) =>
    make<Self>()(tag, fields, table[tag], overrides)

interface Shown {
  readonly _tag: string
  readonly message: string
  readonly stack?: string
  readonly reason?: Shown & Explained & { readonly toJSON: () => { readonly message: string } }
}

/** The class, whose errors show themselves as its row says. */
const explain = <C extends NonNullable<unknown>, Fields>(
  Class: C,
  row: Row,
  overrides: Overrides<Fields>
): C & { readonly row: Row } => {
  const [sentence, otherwise] = row
  const describe = (error: Shown & Fields, format: typeof formatMessage, ofReason: string | undefined): string => {
    if (error.reason !== undefined) return `${error.reason._tag}: ${ofReason}`
    const hint = overrides.hint?.(error)
    return `${overrides.message?.(error) ?? format(sentence, error)}${hint === undefined ? "" : `. ${hint}`}`
  }
  if (typeof Class === "function") {
    Object.defineProperties(Class.prototype, {
      message: getter((error: Shown & Fields) => describe(error, formatMessage, error.reason?.message)),
      next: getter((error: Shown & Fields) => overrides.next?.(error) ?? error.reason?.next ?? otherwise),
      advice: getter(({ next }: Explained) => steps[next].advice),
      toJSON: {
        value(this: Shown & Fields): object {
          const message = describe(this, summarize, this.reason?.toJSON().message)
          return { _tag: this._tag, message, ...fieldsOf(this) }
        }
      },
      [NodeInspectSymbol]: {
        value(this: Shown, depth: number, options: object, inspect?: (value: unknown, options: object) => string) {
          if (depth < 0) return `[${this._tag}]`
          const fields = fieldsOf(this)
          const shown = inspect === undefined || Object.keys(fields).length === 0 ? "" : ` ${inspect(fields, options)}`
          return `${this._tag}: ${this.message}${framesOf(this)}${shown}`
        }
      }
    })
  }
  return Object.assign(Class, { row })
}

const getter = <Error>(get: (error: Error) => string): PropertyDescriptor => ({
  get(this: Error) {
    return get(this)
  }
})

/** The fields of an error, and of errors in them, without tags of their own messages. */
const fieldsOf = (error: object): Record<string, unknown> => {
  const { _tag, ...fields }: Record<string, unknown> = { ...error }
  return Record.map(fields, (value) => (value instanceof Error ? { _tag: value.name, ...fieldsOf(value) } : value))
}

/** The frames of the stack, which stand below the message. */
const framesOf = ({ stack = "" }: Shown): string => stack.match(/\n[^\S\n]+at .*/g)?.join("") ?? ""

/** A sentence with the fields after it: short ones in parentheses, texts behind a colon. */
export const formatMessage = (sentence: string, error: object): string => {
  const long = Object.entries(error).filter(([name, value]) => texts.has(name) && value !== undefined)
  return `${summarize(sentence, error)}${long.map(([, value]) => `: ${toSingleLine(`${value}`)}`).join("")}`
}

/** The same without the texts, which can be long, and stand among the fields. */
const summarize = (sentence: string, error: object): string => {
  const short = Object.entries(error).filter(([name, value]) => !texts.has(name) && isShown(name, value, error))
  return short.length === 0
    ? sentence
    : `${sentence} (${short.map(([name, value]) => formatField(name, value)).join(", ")})`
}

/** The `uri` is long, and among the fields. The status 200 says nothing about an error code: a push has it, too. */
const isShown = (name: string, value: unknown, error: object): boolean =>
  value !== undefined && name !== "_tag" && name !== "uri" && !(name === "status" && value === 200 && "code" in error)

const texts = new Set(["problem", "issues", "description"])

const formatField = (name: string, value: unknown): string => {
  if (name === "code" || name === "kind") return `${value}`
  if (value instanceof Error) return value.message
  if (Duration.isDuration(value)) return `retry after ${Duration.format(value)}`
  if (DateTime.isDateTime(value)) return `${name} ${DateTime.formatIso(value)}`
  if (Array.isArray(value)) return `${name} "${value.join(" ")}"`
  return typeof value === "string" ? `${name} "${value}"` : `${name} ${value}`
}
