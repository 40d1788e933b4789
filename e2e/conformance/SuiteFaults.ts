/** Modules that fail by a fault of the conformance suite's own, as of version 5.2.4. */
import type { Variant } from "./Variant.ts"

export interface SuiteFault {
  readonly module: string
  readonly profile?: Variant["profile"]
  /** What the suite logs. */
  readonly finding: string
  readonly explanation: string
  /** Whether another run of the module may pass. */
  readonly isRace?: true
}

const brazil = { profile: "openbanking_brazil" } as const

export const suiteFaults: ReadonlyArray<SuiteFault> = [
  {
    module: "no-scope-in-token-endpoint-response-test",
    ...brazil,
    finding: "'expires_in' not present in the token endpoint response",
    explanation:
      "the module leaves out `expires_in`, and the profile's own check of the response fails before it is sent"
  },
  {
    module: "invalid-null-alg-test",
    ...brazil,
    finding: "Error parsing ID Token",
    explanation: "the profile's own check of the ID Token fails before the response is sent"
  },
  {
    module: "invalid-alternate-alg-test",
    ...brazil,
    finding: "id_token must be signed with a permitted alg",
    explanation: "the profile's own check of the ID Token fails before the response is sent"
  },
  {
    module: "ping-with-invalid-bearer-token-test",
    finding: "setStatus() called but status is the same",
    explanation:
      "the module sets its status once more unless another of its threads ends it first; its checks of the client have passed. It is run again, up to ten times",
    isRace: true
  }
]

/** The fault for which a module has failed, if the suite logs that and no other failure. */
export const find = (module: string, { profile }: Variant, findings: ReadonlyArray<string>): SuiteFault | undefined =>
  suiteFaults.find(
    (fault) =>
      fault.module === module &&
      (fault.profile ?? profile) === profile &&
      findings.length > 0 &&
      findings.every((finding) => finding.includes(fault.finding))
  )
