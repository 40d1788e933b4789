// What the rows cost, and what a copy of the database shows.
import type { Evidence } from "../Evidence.ts"
import { atMost, type Figure, none } from "./Figure.ts"
import { judgeMeasure } from "./Measure.ts"

/** By how many characters a secret is looked for first. */
const prefix = 12

/** The secrets that are somewhere in the text. */
export const findSecrets = (text: string, secrets: Iterable<string>): ReadonlyArray<string> => {
  const byPrefix = new Map<string, Set<string>>()
  for (const secret of secrets) {
    const start = secret.slice(0, prefix)
    byPrefix.set(start, (byPrefix.get(start) ?? new Set()).add(secret))
  }
  const found = new Set<string>()
  for (let at = 0; at + prefix <= text.length; at += 1) {
    for (const secret of byPrefix.get(text.slice(at, at + prefix)) ?? []) {
      if (text.startsWith(secret, at)) found.add(secret)
    }
  }
  return [...found]
}

const mebi = 2 ** 20

export const figures = (evidence: Evidence): ReadonlyArray<Figure> => {
  const { calm, dump, heap, log, secrets } = evidence
  return [
    judgeMeasure(evidence, atMost("row writes for a poll", calm.writes / calm.polls, 2.1, "", 2)),
    atMost("WAL for a poll", calm.wal / calm.polls, 1500, "bytes"),
    atMost(
      "heap of a worker, 100,000 open waits against 1,000",
      Math.abs(heap.many - heap.few) / mebi,
      10,
      "MiB more or less",
      1
    ),
    none(
      `secrets in a dump of ${(dump.length / mebi).toFixed(1)} MiB`,
      findSecrets(dump, [...new Set([...log.secrets, ...secrets])])
    )
  ]
}
