// The files of core whose mutants each run of CI looks at, and their tests: what decides, and has unit tests that take no time.
export const files = [
  "identity/ClaimsValidation",
  "identity/GrantedDetails",
  "crypto/KeyShape",
  "token/TokenResponse",
  "wait/PollOutcome"
]
