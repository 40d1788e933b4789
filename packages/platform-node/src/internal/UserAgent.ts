/** What the client calls itself: firewalls refuse requests without a name. */

/** The version of the packages. */
const version = "0.0.0"

/** The value of the header `User-Agent` (RFC 9110 section 10.1.5). */
export const userAgent: string = `effect-ciba/${version}`
