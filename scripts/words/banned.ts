// The words that the sources, tests and documents do without, and what an OAuth engineer would write.
// A pattern is matched without regard to case, against text whose camelCase is split and whose lines are joined:
// "keys at hand" is found in keysAtHand, and in "the keys at" with "hand" on the next line. A word that is plain
// English in some place is let through by a narrower pattern, and by nothing else.

export interface Banned {
  readonly pattern: RegExp
  readonly instead: string
}

const ban = (pattern: RegExp, instead: string): Banned => ({ pattern: new RegExp(pattern, "gi"), instead })

/** Bounds the text of each comment, string and identifier. */
export const boundary = "\0"

export const banned: ReadonlyArray<Banned> = [
  ban(/\b(persons?|people)\b/, "end-user; approver or operator, for a role in a test; human-readable, of a text"),
  ban(/\bat hand\b/, "configured (the configured provider), from the context, or available"),
  ban(/\b(nobody|somebody|whoever)\b/, "the role that is meant: no caller, another client, an attacker, any code that"),
  ban(
    /\bbelie(ve[sd]?|ving|fs?)\b/,
    "verify or validate, verified or validated; accept; trust (a certificate authority)"
  ),
  ban(/\bwish(es|ed|ing)?\b/, "Retry-After, the minimum delay, or want"),
  ban(/\btold\b(?! apart)/, "declared (Content-Length), reported, configured, received, or distinguished"),
  ban(/\berror answers?\b/, "error response"),
  ban(/\bwhere there (is|are) (one|some|any|none)\b/, "if present, if configured; otherwise undefined; if absent"),
  ban(
    /\b(rang|rung|(?<!key )rings)\b|\b(phone|device) ring(s|ing)?\b|\bring(s|ing)?( of)? (the|a|an|his|her|their|its) (\w+ )?(phone|device)\b/,
    "the provider contacts the authentication device; a ping notifies, or is received"
  ),
  ban(/\bgood for\b/, "valid (valid for one minute, valid once), or used for"),
  ban(/\bto the letter\b/, "by exact string comparison, exactly"),
  ban(/\bpatien(ce|tly)\b/, "with back-off, retrying; a timeout, by what it limits (acknowledgement timeout)"),
  ban(
    new RegExp(`(?<=${boundary}[^.${boundary}]*)\\bas a layer\\.(?= *${boundary})`),
    "what the layer needs, reads or keeps; or no comment"
  )
]
