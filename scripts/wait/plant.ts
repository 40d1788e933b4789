// Errors that are planted in a source: a model must find each of them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"

export interface Planted<Setting> {
  readonly error: string
  readonly replace: string
  readonly by: string
  /** The wait in which it shows. */
  readonly setting: Setting
}

const root = resolve(import.meta.dirname, "../..")

/** The path of a copy with the error. What the source imports is imported from where it is. */
export const plant = (source: string, { by, error, replace }: Planted<unknown>): string => {
  const text = readFileSync(join(root, source), "utf8")
  if (!text.includes(replace)) throw new Error(`${error}: ${basename(source)} has no ${JSON.stringify(replace)}`)
  const cache = join(root, ".cache/planted-wait")
  mkdirSync(cache, { recursive: true })
  const path = join(cache, `${error.replaceAll(/\W/g, "-")}.ts`)
  const folder = dirname(join(root, source))
  const planted = text.replace(replace, () => by)
  writeFileSync(
    path,
    planted.replaceAll(/ from "(\.[^"]+)"/g, (_, from) => ` from ${JSON.stringify(resolve(folder, from))}`)
  )
  return path
}
