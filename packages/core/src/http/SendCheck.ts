/** A last look at a request, when its first byte is about to be written. */
import { Context } from "effect"

/**
 * Whether a request may still be sent. It may have waited for a connection, and its process may have been frozen meanwhile. An `HttpClient` that
 * knows when it writes (that of `NodeTls.layer` does) looks at this just before, and fails as without a connection where it is `false`; others
 * send. By default nothing is looked at.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const SendCheck: Context.Reference<(() => boolean) | undefined> = Context.Reference<(() => boolean) | undefined>(
  "@effect-ciba/core/SendCheck",
  { defaultValue: () => undefined }
)
