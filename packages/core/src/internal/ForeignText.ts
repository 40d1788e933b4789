/** Text of others in our messages: what a server wrote, and what a schema found wrong with it. */

/** Text fit to be shown: without control characters, cut at a length. */
export const printable = (text: string, length = 200): string => text.replace(/[\p{Cc}\p{Cf}]/gu, " ").slice(0, length)

/** The issues of a schema as one line. */
export const oneLine = (issues: string): string => issues.replace(/\s*\n\s*/g, " ")
