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
    file: "wait/ActiveWait.ts",
    original: "duePoll.fiber?.interruptUnsafe",
    replacements: ["duePoll.fiber.interruptUnsafe"],
    reason: "a poll is due only while it is suspended, when it has its fiber; the compiler needs the operator"
  },
  {
    file: "wait/ActiveWait.ts",
    original: "change !== 0",
    replacements: ["true"],
    reason: "a gauge that changes by 0 stays as it is"
  },
  {
    file: "wait/ActiveWait.ts",
    original: "error !== undefined",
    replacements: ["true"],
    reason: "it is defined if the outcome is Refused; the compiler needs the comparison"
  },
  {
    file: "wait/ActiveWait.ts",
    original: "polls === undefined",
    replacements: ["false"],
    reason: "no poll is due in push mode; the compiler needs the comparison"
  },
  {
    file: "wait/ActiveWait.ts",
    original: 'exit.value._tag === "Failed"',
    replacements: ["true"],
    reason:
      "no other outcome has an error, which is read only after a poll that had one; the compiler needs the comparison"
  },
  {
    file: "wait/ActiveWait.ts",
    original: 'answer._tag === "Fault"',
    replacements: ["true"],
    reason: "no other answer has a fault; the compiler needs the comparison"
  },
  {
    file: "wait/ActiveWait.ts",
    original: 'phase._tag !== "Polling"',
    replacements: ["false"],
    reason: "what ends the polling aborts the poll, which has no answer then; the compiler needs the comparison"
  },
  {
    file: "wait/ActiveWait.ts",
    original: 'event._tag === "Answered"',
    replacements: ["true"],
    reason: "no other event gets there; the compiler needs the comparison"
  },
  {
    file: "wait/ActiveWait.ts",
    original: "Exit.isSuccess(exit)",
    replacements: ["true"],
    reason: "to decode a push neither dies nor is interrupted; the compiler needs the comparison"
  },
  {
    file: "wait/ActiveWait.ts",
    original: "Result.isFailure(result)",
    replacements: ["true"],
    reason: "a success has no failure; the compiler needs the comparison"
  },
  {
    file: "wait/CibaEvents.ts",
    original: "() => open.size",
    replacements: ["() => undefined"],
    reason: "it decides how often what is over is removed, and saves the work"
  },
  {
    file: "wait/DuePoll.ts",
    original: "default:\n      return undefined",
    replacements: ["default:"],
    reason: "the end of the function returns the same; the compiler needs the statement"
  },
  {
    file: "wait/MetricRecorder.ts",
    original: "made.set(name, value)",
    replacements: [";"],
    reason: "metrics with the same name and attributes are one; to keep them saves the work"
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
    file: "wait/PollPolicy.ts",
    original: '_tag === "Fault"',
    replacements: ["true"],
    reason: "what a fault has besides is read of no other answer; the compiler needs the comparison"
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
  },
  {
    file: "wait/WaitDriver.ts",
    original: "[]",
    replacements: ['["Stryker was here"]'],
    reason: "what is no command is not carried out"
  },
  {
    file: "wait/WaitDriver.ts",
    original: "isOver(pending, wallClock)",
    replacements: ["false"],
    reason: "one that is over counts for nothing; to remove it saves the memory"
  },
  {
    file: "wait/WaitDriver.ts",
    original: "acknowledged.delete(key)",
    replacements: [";"],
    reason:
      "one that is over counts for nothing, and one that is waited for is found among the waits; it saves the memory"
  },
  {
    file: "wait/WaitDriver.ts",
    original: "() => acknowledged.size + waits.size + redeemed.size",
    replacements: ["() => undefined"],
    reason: "it decides how often what is over is removed, and saves the work"
  },
  {
    file: "wait/WaitDriver.ts",
    original: "acknowledged.size + waits.size + redeemed.size",
    replacements: ["acknowledged.size + waits.size - redeemed.size"],
    reason: "it decides how often what is over is removed, and saves the work"
  },
  {
    file: "wait/WaitDriver.ts",
    original: "acknowledged.size + waits.size",
    replacements: ["acknowledged.size - waits.size"],
    reason: "it decides how often what is over is removed, and saves the work"
  },
  {
    file: "wait/WaitDriver.ts",
    original: '"poll"',
    replacements: ['""'],
    reason: "nothing is compared with this delivery"
  },
  {
    file: "wait/WaitDriver.ts",
    original: '""',
    replacements: ['"Stryker was here!"'],
    reason: "in push mode no poll is sent, whose URL it would be"
  },
  {
    file: "wait/WaitDriver.ts",
    original: "exit !== undefined && Exit.isSuccess(exit)",
    replacements: ["false"],
    reason: "what has succeeded at once can be awaited like what takes longer; the condition saves the work"
  }
]
