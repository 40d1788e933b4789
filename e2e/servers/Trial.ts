/** Tries cells with a provider: one test for each; what the provider sent goes into the report of the run. */
import { describe, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { Cell } from "./Cell.ts"
import type { RealServer } from "./RealServer.ts"

declare module "vitest" {
  interface TaskMeta {
    cell?: { readonly server: string; readonly row: string; readonly name: string; sent?: string }
  }
}

/** What the provider lacks, by row or by "row: cell", each with the reason. */
export type Missing = Readonly<Record<string, string>>

export const isMissing = (missing: Missing, { name, row }: Pick<Cell, "name" | "row">): boolean =>
  Object.hasOwn(missing, row) || Object.hasOwn(missing, `${row}: ${name}`)

export const tryCells = (server: string, realServer: Layer.Layer<RealServer>, cells: ReadonlyArray<Cell>): void =>
  layer(realServer, { excludeTestServices: true, timeout: "4 minutes" })(server, (it) => {
    describe.concurrent("cells", () => {
      for (const { name, row, run } of cells) {
        it.effect(`${row}: ${name}`, ({ task }) => {
          const cell: NonNullable<typeof task.meta.cell> = { server, row, name }
          task.meta.cell = cell
          return Effect.map(Effect.scoped(run), (sent) => {
            cell.sent = sent
          })
        })
      }
    })
  })
