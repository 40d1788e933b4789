// A function of packages/*/src is at most 60 lines long, from its first to its last.
import { at, type Finding } from "../Finding.ts"
import { isFunction, lineAt, type Source, walk } from "../source.ts"

const limit = 60

export const check = (source: Source): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  walk(source.program, (node) => {
    if (!isFunction(node)) return undefined
    const lines = lineAt(source.text, node.end) - lineAt(source.text, node.start) + 1
    if (lines > limit) {
      const problem = `a function of ${lines} lines, the limit is ${limit}`
      findings.push(
        at(source, node, "function-length", problem, "Move a step of it into a function with a name of its own")
      )
    }
    return undefined
  })
  return findings
}
