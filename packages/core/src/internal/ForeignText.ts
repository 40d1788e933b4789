/** Text of others in our messages: what a server wrote, and what a schema found wrong with it. */

/** Text fit to be shown: one line of well-formed text, cut at a length. */
export const printable = (text: string, length = 200): string =>
  text.slice(0, length).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ")

/** The issues of a schema as one line. */
export const oneLine = (issues: string): string => issues.replace(/\s*\n\s*/g, " ")
