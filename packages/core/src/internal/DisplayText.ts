/** Text from servers and from schemas, for the messages of errors and for logs. */

/** One line of well-formed text without control characters, cut at a length. */
export const sanitize = (text: string, length = 200): string =>
  text.slice(0, length).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ")

/** The issues of a schema, cut at a length: a large response can have a million of them. */
export const truncateIssues = ({ message }: { readonly message: string }): string =>
  message.length > 500 ? `${message.slice(0, 500)} …` : message

/** The issues of a schema as one line. */
export const toSingleLine = (issues: string): string =>
  issues
    .split("\n")
    .map((line) => line.trim())
    .join(" ")
