/**
 * PEM as operators and secret stores leave it: in quotes, indented, in one line, or with `\n` as two characters. OpenSSL
 * reads none of these; text between blocks it skips.
 */

/** The same text, with each complete PEM block in lines that OpenSSL reads. Nothing is left out. */
export const normalize = (text: string): string =>
  text
    .replaceAll("\\r", "")
    .replaceAll("\\n", "\n")
    .replaceAll(
      /-----BEGIN ([A-Z0-9 ]+)-----([^-]*(?:-[^-]+)*)-----END \1-----/g,
      (_, label: string, content: string) => `\n-----BEGIN ${label}-----\n${wrap(content)}\n-----END ${label}-----\n`
    )

/** The headers of an encrypted block (RFC 1421) keep their lines, and the empty one behind them. */
const wrap = (content: string): string =>
  content.includes(":")
    ? content
        .trim()
        .split("\n")
        .map((line) => line.trim())
        .join("\n")
    : (content.replaceAll(/\s/g, "").match(/.{1,64}/g) ?? []).join("\n")
