/** What to do about an error. Each row of an error table names one of these steps. */

interface Step {
  readonly advice: string
  /** The same authentication can be completed again, until it expires. */
  readonly canResume?: boolean
  /** A new request may go to the end-user, unless the same authentication can be completed again. */
  readonly canAskAgain?: boolean
  /** It stays so until an operator or a developer changes something. */
  readonly needsOperator?: boolean
  /** The authentication is over. */
  readonly isFinal?: boolean
}

const table = {
  wait: { advice: "Go on waiting.", canResume: true },
  resume: { advice: "Complete the same authentication again, before it expires.", canResume: true },
  retry: {
    advice: "Try again later: complete the same authentication again, or repeat the request if there is none.",
    canResume: true,
    canAskAgain: true
  },
  askAgain: {
    advice: "Send a new authentication request if the end-user still wants to continue.",
    canAskAgain: true,
    isFinal: true
  },
  respectRefusal: { advice: "Tell the end-user. Ask again only if they start over.", isFinal: true },
  confirm: {
    advice: "The end-user may have approved: check with them before you send a new request.",
    isFinal: true
  },
  askForUserCode: { advice: "Ask the end-user for the user code, and send a new request with it.", canAskAgain: true },
  askForIdentifier: { advice: "Ask the end-user for another identifier, and send a new request.", canAskAgain: true },
  renewHint: { advice: "Get a new hint, and send a new request.", canAskAgain: true },
  changeBindingMessage: {
    advice: "Send a new request with another binding message; `BindingMessage.generate` makes a plain one.",
    canAskAgain: true
  },
  authenticate: { advice: "Authenticate the end-user again to get new tokens.", canAskAgain: true },
  refreshTokens: {
    advice: "Refresh the tokens, or authenticate the end-user again.",
    canAskAgain: true
  },
  reportPolicy: { advice: "Tell the end-user that this provider's policy excludes the request.", needsOperator: true },
  fixCall: { advice: "Correct the call in the program.", needsOperator: true },
  fixRequest: { advice: "Correct the request in the program.", needsOperator: true, isFinal: true },
  fixGrant: {
    advice: "Request only what the client is registered for, or have its registration extended.",
    canResume: true,
    needsOperator: true
  },
  fixClient: {
    advice: "Correct the client's configuration, or its registration at the provider.",
    canResume: true,
    needsOperator: true
  },
  fixDiscovery: {
    advice: "Check the configured issuer, and the metadata that it publishes.",
    canResume: true,
    needsOperator: true
  },
  fixClock: { advice: "Correct the clock of this machine.", needsOperator: true, isFinal: true },
  fixKeys: {
    advice: "Compare the client's registration and keys with the provider's. The token is not to be trusted.",
    needsOperator: true,
    isFinal: true
  },
  fixStorage: { advice: "Check the storage. The wait goes on without it.", canResume: true, needsOperator: true },
  distrust: {
    advice: "Do not trust the response: it is for another client, request or end-user.",
    needsOperator: true,
    isFinal: true
  },
  reportToProvider: {
    advice: "Report it to the provider: its response breaks the specification.",
    needsOperator: true,
    isFinal: true
  },
  lookUp: { advice: "Look up the code in the provider's documentation.", needsOperator: true, isFinal: true }
} as const satisfies Record<string, Step>

/** The name of a step. */
export type NextStep = keyof typeof table

/** What each step says, and what it permits. */
export const steps: { readonly [Name in NextStep]: Step } = table
