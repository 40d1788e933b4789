/** A mutant that no test can tell from the original, and why. */
export interface Equivalent {
  /** Below `packages/core/src`. */
  readonly file: string
  readonly original: string
  readonly replacements: ReadonlyArray<string>
  readonly reason: string
}

const isError = '"code" in reason && reason._tag !== "TransportError"'

export const equivalents: ReadonlyArray<Equivalent> = [
  {
    file: "crypto/KeyShape.ts",
    original: "y < prime",
    replacements: ["y <= prime"],
    reason: "the curves have prime order: none has a point whose y is 0 modulo the prime"
  },
  {
    file: "crypto/KeyShape.ts",
    original: "member.length <= maxLength",
    replacements: ["true", "member.length < maxLength"],
    reason: "a longer member is refused in any case; the limit saves the work"
  },
  {
    file: "identity/IdTokenVerifier.ts",
    original: "checks.length === 0",
    replacements: ["false"],
    reason: "nothing to check is nothing to do; the condition saves the work"
  },
  {
    file: "identity/IdTokenVerifier.ts",
    original: "{ discard: true }",
    replacements: ["{}"],
    reason: "the results are void"
  },
  {
    file: "identity/IdTokenVerifier.ts",
    original: "maxAge === undefined",
    replacements: ["false"],
    reason: "an undefined maxAge asks for nothing; the compiler needs the comparison"
  },
  {
    file: "internal/Heap.ts",
    original: "index > 0",
    replacements: ["index >= 0"],
    reason: "no entry is above the first one, where the loop ends in any case"
  },
  {
    file: "internal/Heap.ts",
    original: "parent === undefined",
    replacements: ["false"],
    reason: "there is an entry above each but the first one; the compiler needs the comparison"
  },
  {
    file: "internal/Heap.ts",
    original: "parent.at <= entry.at",
    replacements: ["parent.at < entry.at"],
    reason: "which of two entries that are due at once comes first is not promised"
  },
  {
    file: "internal/Heap.ts",
    original: "one !== undefined",
    replacements: ["true"],
    reason: "without a left child there is no right one; the compiler needs the comparison"
  },
  {
    file: "internal/Heap.ts",
    original: "other.at < one.at",
    replacements: ["other.at <= one.at"],
    reason: "which of two entries that are due at once comes first is not promised"
  },
  {
    file: "internal/Heap.ts",
    original: "child.at >= entry.at",
    replacements: ["child.at > entry.at"],
    reason: "which of two entries that are due at once comes first is not promised"
  },
  {
    file: "internal/Heap.ts",
    original: "last === undefined",
    replacements: ["false"],
    reason: "a heap with an entry is not empty; the compiler needs the comparison"
  },
  {
    file: "wait/PollOutcome.ts",
    original: 'answer._tag === "Fault"',
    replacements: ["true"],
    reason: "no other answer has timedOut; the compiler needs the comparison"
  },
  {
    file: "wait/PollOutcome.ts",
    original: isError,
    replacements: ["true", isError.replace("&&", "||")],
    reason: "a reason without a code has no status that goes away; the compiler needs the comparison"
  },
  {
    file: "wait/PollOutcome.ts",
    original: 'reason._tag !== "TransportError"',
    replacements: ["true"],
    reason: "the only TransportError that comes here has neither code nor status"
  },
  {
    file: "wait/PollOutcome.ts",
    original: '"TransportError"',
    replacements: ['""'],
    reason: "the only TransportError that comes here has neither code nor status"
  },
  {
    file: "wait/Wait.ts",
    original: 'phase._tag === "Verifying"',
    replacements: ["true"],
    reason: "no other phase that gets there has retryAt; the compiler needs the comparison"
  },
  {
    file: "wait/Wait.ts",
    original: "nextInterval < wakeAt",
    replacements: ["nextInterval <= wakeAt"],
    reason: "if they are equal, both are the next poll"
  },
  {
    file: "wait/Wait.ts",
    original: 'case "Sleeping":\n      return { version: 1, ...state, phase: rest }',
    replacements: ['case "Sleeping":'],
    reason: "the next case omits what this phase has not"
  },
  {
    file: "wait/Wait.ts",
    original: 'answer._tag === "Refused"',
    replacements: ["true"],
    reason: "no other answer has isFinal; the compiler needs the comparison"
  },
  {
    file: "wait/Wait.ts",
    original: "doubtedSince !== undefined",
    replacements: ["true"],
    reason: "it is defined if the outcome is Rejected; the compiler needs the comparison"
  },
  {
    file: "wait/Wait.ts",
    original: 'phase._tag === "Polling"',
    replacements: ["true"],
    reason: "no other phase has sentAt; the compiler needs the comparison"
  }
]
