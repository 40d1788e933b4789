import { TransportError } from "../http/TransportError.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"

/**
 * A poll was sent, its response was lost, and now the `auth_req_id` is redeemed or has expired. The end-user may have
 * approved, and tokens may have been issued: check with the end-user before you send a new request.
 *
 * @since 0.1.0
 * @stability stable
 */
export class OutcomeUnknown extends ErrorClass.make<OutcomeUnknown>()("OutcomeUnknown", { lost: TransportError }, [
  "the response to a poll was lost, and cannot be requested again: the end-user may have approved, and tokens may have been issued",
  "confirm"
]) {}
