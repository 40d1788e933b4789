/** Prints lines, and below them, on a terminal only, a status line that is updated in place. */

import { styleText } from "node:util"
import { Context, Effect, Layer } from "effect"

export interface Service {
  readonly print: (...lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Replaces the status line; an empty one removes it. */
  readonly status: (line: string) => Effect.Effect<void>
}

export class Terminal extends Context.Service<Terminal, Service>()("@effect-ciba/examples/Terminal") {}

const clearLine = "\r\u001b[2K"

const make = Effect.gen(function* () {
  const out = process.stdout
  let statusLine = ""
  const draw = (text: string) =>
    Effect.sync(() => {
      out.write(out.isTTY ? `${clearLine}${text}${statusLine}` : text)
    })
  const status = (line: string) =>
    Effect.suspend(() => {
      statusLine = line
      return out.isTTY ? draw("") : Effect.void
    })
  yield* Effect.addFinalizer(() => status(""))
  return Terminal.of({ print: (...lines) => draw(lines.map((line) => `${line}\n`).join("")), status })
})

export const layer: Layer.Layer<Terminal> = Layer.effect(Terminal, make)

type Style = Parameters<typeof styleText>[0]

const style = (format: Style) => (text: string) => styleText(format, text, { stream: process.stdout })

export const bold = style("bold")
export const dim = style("dim")
export const good = style("green")
export const bad = style("red")
export const link = style(["cyan", "underline"])

export const step = (number: number, text: string): string => `\n${bold(`${number}  ${text}`)}`

export const field = (name: string, value: string): string => `   ${dim(name.padEnd(16))}${value}`
