// Fails when a file of packages/*/src breaks the architecture: see CONTRIBUTING.md.
import { resolve } from "node:path"
import * as imports from "./architecture/imports.ts"
import * as law from "./architecture/law.ts"
import * as layers from "./architecture/layers.ts"
import * as map from "./architecture/map.ts"
import type { Finding } from "./Finding.ts"
import { format } from "./Finding.ts"
import { list, read } from "./source.ts"

export const check = (root: string): ReadonlyArray<Finding> => {
  const sources = list(root, "packages", /^packages\/[^/]+\/src\/.*\.ts$/).map((path) => read(root, path))
  const paths = sources.map(({ path }) => path)
  return [
    ...imports.check(sources),
    ...sources.flatMap(law.check),
    ...sources.flatMap(layers.check),
    ...map.check(root, paths)
  ]
}

if (import.meta.main) {
  const findings = check(resolve(import.meta.dirname, ".."))
  for (const finding of findings) console.log(format(finding))
  const failed = findings.filter((finding) => !finding.warning).length
  console.log(`architecture: ${failed} findings, ${findings.length - failed} warnings`)
  process.exitCode = failed === 0 ? 0 : 1
}
