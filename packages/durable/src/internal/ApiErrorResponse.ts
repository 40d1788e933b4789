/** The errors of the API as JSON: their tag is `error`, and their members have names in the manner of OAuth. */
import { Schema } from "effect"
import * as ApiError from "../ApprovalsApiError.ts"

type Response<Error> = Schema.Codec<Error, unknown>

const names = { _tag: "error", canAskAgain: "can_ask_again", needsOperator: "needs_operator" } as const

export const InvalidRequest: Response<ApiError.InvalidRequest> = ApiError.InvalidRequest.pipe(Schema.encodeKeys(names))

export const Unauthorized: Response<ApiError.Unauthorized> = ApiError.Unauthorized.pipe(Schema.encodeKeys(names))

export const Forbidden: Response<ApiError.Forbidden> = ApiError.Forbidden.pipe(Schema.encodeKeys(names))

export const ApprovalNotFound: Response<ApiError.ApprovalNotFound> = ApiError.ApprovalNotFound.pipe(
  Schema.encodeKeys(names)
)

export const ApprovalConflict: Response<ApiError.ApprovalConflict> = ApiError.ApprovalConflict.pipe(
  Schema.encodeKeys(names)
)

export const AcknowledgementLost: Response<ApiError.AcknowledgementLost> = ApiError.AcknowledgementLost.pipe(
  Schema.encodeKeys(names)
)

export const ApprovalFailed: Response<ApiError.ApprovalFailed> = ApiError.ApprovalFailed.pipe(Schema.encodeKeys(names))

export const RequestRefused: Response<ApiError.RequestRefused> = ApiError.RequestRefused.pipe(Schema.encodeKeys(names))

export const InternalError: Response<ApiError.InternalError> = ApiError.InternalError.pipe(Schema.encodeKeys(names))

export const ProviderFailed: Response<ApiError.ProviderFailed> = ApiError.ProviderFailed.pipe(Schema.encodeKeys(names))

export const Unavailable: Response<ApiError.Unavailable> = ApiError.Unavailable.pipe(Schema.encodeKeys(names))
