/** Text of others in our messages: what a server wrote, and what a schema found wrong with it. */

/** Text fit to be shown: one line of well-formed text, cut at a length. */
export const sanitize = (text: string, length = 200): string =>
  text.slice(0, length).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ")

/** What a schema found wrong, cut at a length: a long answer can be wrong in a million places. */
export const truncateIssues = ({ message }: { readonly message: string }): string =>
  message.length > 500 ? `${message.slice(0, 500)} …` : message

/** The issues of a schema as one line. */
export const toSingleLine = (issues: string): string =>
  issues
    .split("\n")
    .map((line) => line.trim())
    .join(" ")
