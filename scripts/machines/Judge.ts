// Everything that is judged, of what a run has left.
import type { Evidence } from "./Evidence.ts"
import * as Approvals from "./judge/Approvals.ts"
import * as Database from "./judge/Database.ts"
import type { Figure } from "./judge/Figure.ts"
import * as Polls from "./judge/Polls.ts"

export const figures = (evidence: Evidence): ReadonlyArray<Figure> =>
  [Approvals, Polls, Database].flatMap((part) => part.figures(evidence))

/** What is found by a check that fails, in more words. */
export const explain = (evidence: Evidence): ReadonlyArray<string> => [
  ...Approvals.explain(evidence).slice(0, 10),
  ...Polls.explain(evidence).slice(0, 10)
]
