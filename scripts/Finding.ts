import { lineAt, type Node, type Source } from "./source.ts"

export interface Finding {
  readonly path: string
  readonly line: number
  readonly rule: string
  readonly problem: string
  readonly mend: string
  readonly warning?: boolean
}

export const at = (
  source: Source,
  node: Pick<Node, "start">,
  rule: string,
  problem: string,
  mend: string
): Finding => ({
  path: source.path,
  line: lineAt(source.text, node.start),
  rule,
  problem,
  mend
})

export const format = (finding: Finding): string =>
  `${finding.path}:${finding.line}: ${finding.warning ? "warning: " : ""}${finding.rule}: ${finding.problem}\n    ${finding.mend}`
