/** What the API answers for an error of `Approvals`. No text of the database goes out. */
import type { AuthenticationRequestError } from "@effect-ciba/core/AuthenticationRequestError"
import type { DiscoveryError } from "@effect-ciba/core/DiscoveryError"
import { Effect, type Schema, SchemaIssue } from "effect"
import type * as Approvals from "../Approvals.ts"
import * as ApiError from "../ApprovalsApiError.ts"
import * as Failure from "./Failure.ts"

export type StatusError =
  | ApiError.InvalidRequest
  | ApiError.ApprovalNotFound
  | ApiError.AcknowledgementLost
  | ApiError.Unavailable

export type StartError =
  | ApiError.InvalidRequest
  | ApiError.ApprovalConflict
  | ApiError.AcknowledgementLost
  | ApiError.RequestRefused
  | ApiError.ProviderFailed
  | ApiError.InternalError
  | ApiError.Unavailable

export type ResultError = StatusError | ApiError.ApprovalFailed | ApiError.InternalError

const ofProgram = { canAskAgain: false, needsOperator: true }

/** The end-user has not been asked, or was, whatever is repeated. */
const ofNoConsequence = { canAskAgain: false, needsOperator: false }

export const invalidRequest = (message: string): ApiError.InvalidRequest =>
  new ApiError.InvalidRequest({ message, ...ofProgram })

/** Members, and what is wrong with them: never a value. */
export const invalidMembers = ({ issue }: Schema.SchemaError): ApiError.InvalidRequest =>
  invalidRequest(
    formatIssues(issue)
      .issues.slice(0, 5)
      .map(({ message, path = [] }) => `${path.map(String).join(".").slice(0, 100)}: ${message}`)
      .join("; ")
  )

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

export const refuseToken = (message: string): ApiError.Unauthorized =>
  new ApiError.Unauthorized({ message, ...ofProgram })

export const refuseKey = (): ApiError.Forbidden =>
  new ApiError.Forbidden({ message: "the bearer of this token may not use this key", ...ofProgram })

type Explained = { readonly message: string }

const invalidKey = ({ message }: Explained) => Effect.fail(invalidRequest(message))

const failLost = ({ message }: Explained) =>
  Effect.fail(new ApiError.AcknowledgementLost({ message, ...ofNoConsequence }))

const failMissing = ({ message }: Explained) =>
  Effect.fail(new ApiError.ApprovalNotFound({ message, canAskAgain: true, needsOperator: false }))

const unavailable = ({ message }: Explained) =>
  Effect.andThen(
    Effect.logWarning(`an approval cannot be looked up or stored: ${message}`),
    Effect.fail(
      new ApiError.Unavailable({ message: "the database cannot be used: repeat the same call", ...ofNoConsequence })
    )
  )

const unreadable = ({ message }: Explained) =>
  Effect.andThen(
    Effect.logError(`the result of an approval cannot be read: ${message}`),
    Effect.fail(new ApiError.InternalError({ message: "the stored result cannot be read", ...ofProgram }))
  )

const ofStatus = {
  InvalidApprovalKey: invalidKey,
  ApprovalNotFound: failMissing,
  AcknowledgementLost: failLost,
  SqlError: unavailable
}

export const mapStatus = <A, R>(call: Effect.Effect<A, Approvals.StatusError, R>): Effect.Effect<A, StatusError, R> =>
  Effect.catchTags(call, ofStatus)

export const mapResult = <A, R>(call: Effect.Effect<A, Approvals.ResultError, R>): Effect.Effect<A, ResultError, R> =>
  Effect.catchTags(call, {
    ...ofStatus,
    DecryptionFailed: unreadable,
    ApprovalFailed: ({ canAskAgain, message, needsOperator, outcome, reason }) =>
      Effect.fail(
        new ApiError.ApprovalFailed({
          outcome,
          ...(reason !== undefined && { reason }),
          message,
          canAskAgain,
          needsOperator
        })
      )
  })

export const mapStart = <A, R>(call: Effect.Effect<A, Approvals.StartError, R>): Effect.Effect<A, StartError, R> =>
  Effect.catchTags(call, {
    InvalidApprovalKey: invalidKey,
    AcknowledgementLost: failLost,
    SqlError: unavailable,
    ApprovalConflict: ({ message }) => Effect.fail(new ApiError.ApprovalConflict({ message, ...ofProgram })),
    ApprovalInTransaction: ({ message }) => Effect.fail(new ApiError.InternalError({ message, ...ofProgram })),
    DiscoveryError: failProvider,
    AuthenticationRequestError: (error) => {
      const { reason } = error
      if (unsendable.has(reason._tag)) return Effect.fail(invalidRequest(reason.message))
      return isRefused(error) ? Effect.fail(new ApiError.RequestRefused(Failure.of(error))) : failProvider(error)
    }
  })

const failProvider = (error: AuthenticationRequestError | DiscoveryError) =>
  Effect.fail(new ApiError.ProviderFailed(Failure.of(error)))

type Reason = AuthenticationRequestError["reason"]["_tag"]

/** Nothing was sent, since the request cannot be. */
const unsendable: ReadonlySet<Reason> = new Set(["InvalidParameter", "Unsupported", "ProfileViolation"])

/** The provider has refused what the caller can change, rather than this client. */
const isRefused = ({ next, reason }: AuthenticationRequestError): boolean =>
  refusals.has(reason._tag) || (reason._tag === "Unrecognized" && next === "lookUp")

const refusals: ReadonlySet<Reason> = new Set([
  "ExpiredLoginHintToken",
  "ExpiredIdTokenHint",
  "InvalidIdTokenHint",
  "UnknownUserId",
  "MissingUserCode",
  "InvalidUserCode",
  "InvalidBindingMessage",
  "AccessDenied",
  "InvalidRequest",
  "InvalidScope",
  "InvalidAuthorizationDetails",
  "InvalidTarget",
  "InvalidGrantId"
])
