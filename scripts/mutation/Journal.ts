// What has become of each mutant, line by line: the process that judges them may hang in one.
import { readFileSync } from "node:fs"

/**
 * - `tried`: a test runs with it, for as many milliseconds at most; if nothing follows, the process has ended, or hangs
 * - `killed`: a test has failed with it, and passed without; or the process has ended, or was ended because it hung
 * - `survived`: no test so far has failed with it
 * - `loaded`: it runs only when a module is loaded
 */
export type Verdict = "tried" | "killed" | "survived" | "loaded"

const isVerdict = (text: string | undefined): text is Verdict =>
  text === "tried" || text === "killed" || text === "survived" || text === "loaded"

export const read = (path: string): ReadonlyMap<string, Verdict> =>
  new Map(
    readFileSync(path, "utf8")
      .split("\n")
      .flatMap((line) => {
        const [id = "", verdict] = line.split(" ")
        return isVerdict(verdict) ? [[id, verdict] as const] : []
      })
  )
