/** What to do about an error. Each row of an error table names one of these steps. */
import { Record } from "effect"

interface Permits {
  /** The same authentication can be completed again, until it expires. */
  readonly canResume?: boolean
  /** A new request may go to the end-user, unless the same authentication can be completed again. */
  readonly canAskAgain?: boolean
  /** It stays so until an operator or a developer changes something. */
  readonly needsOperator?: boolean
  /** The authentication is over. */
  readonly isFinal?: boolean
}

interface Step extends Permits {
  readonly advice: string
}

/** Steps that permit the same. */
const permit =
  (permits: Permits) =>
  <Name extends string>(advice: Record<Name, string>): Record<Name, Step> =>
    Record.map(advice, (text) => ({ advice: text, ...permits }))

const table = {
  ...permit({ canResume: true })({
    wait: "Go on waiting.",
    resume: "Complete the same authentication again, before it expires."
  }),
  ...permit({ canResume: true, canAskAgain: true })({
    retry: "Try again later: complete the same authentication again, or repeat the request if there is none."
  }),
  ...permit({ canResume: true, needsOperator: true })({
    fixGrant: "Request only what the client is registered for, or have its registration extended.",
    fixClient: "Correct the client's configuration, or its registration at the provider.",
    fixDiscovery: "Check the configured issuer, and the metadata that it publishes.",
    fixStorage: "Check the storage. The wait goes on without it."
  }),
  ...permit({ canAskAgain: true })({
    askForUserCode: "Ask the end-user for the user code, and send a new request with it.",
    askForIdentifier: "Ask the end-user for another identifier, and send a new request.",
    renewHint: "Get a new hint, and send a new request.",
    changeBindingMessage:
      "Send a new request with another binding message; `BindingMessage.generate` makes a plain one.",
    authenticate: "Authenticate the end-user again to get new tokens.",
    refreshTokens: "Refresh the tokens, or authenticate the end-user again."
  }),
  ...permit({ canAskAgain: true, isFinal: true })({
    askAgain: "Send a new authentication request if the end-user still wants to continue."
  }),
  ...permit({ isFinal: true })({
    respectRefusal: "Tell the end-user. Ask again only if they start over.",
    confirm: "The end-user may have approved: check with them before you send a new request.",
    settleGrant: "Use what was granted, which is in the error's `identity`, or revoke its tokens."
  }),
  ...permit({ needsOperator: true })({
    reportPolicy: "Tell the end-user that this provider's policy excludes the request.",
    fixCall: "Correct the call in the program."
  }),
  ...permit({ needsOperator: true, isFinal: true })({
    fixRequest: "Correct the request in the program.",
    fixClock: "Correct the clock of this machine. `clockTolerance` allows for that of the provider.",
    fixKeys: "Compare the client's registration and keys with the provider's. The token is not to be trusted.",
    distrust: "Do not trust the response: it is for another client, request or end-user.",
    reportToProvider: "Report it to the provider: its response breaks the specification.",
    lookUp: "Look up the code in the provider's documentation."
  })
}

/** The name of a step. */
export type NextStep = keyof typeof table

/** What each step says, and what it permits. */
export const steps: { readonly [Name in NextStep]: Step } = table
