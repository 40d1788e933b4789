/**
 * Internals that `@effect-ciba/testing` is built on. They change without notice: import them at your own risk.
 */
export * as JsonWebToken from "./crypto/JsonWebToken.ts"
export * as TokenHash from "./crypto/TokenHash.ts"
