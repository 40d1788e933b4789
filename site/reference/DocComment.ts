// A doc comment: its Markdown, and its tags.

export interface DocComment {
  readonly text: string
  readonly since: string | undefined
  readonly stability: string | undefined
  /** The sections of specifications. */
  readonly see: string | undefined
}

/** Without the asterisk of each line. */
export const unmark = (comment: string): string => comment.replaceAll(/^\s*\* ?/gm, "")

export const parse = (markdown: string): DocComment => {
  const [text = "", ...tags] = markdown.split(/^@(?=[a-z])/m).map((part) => part.trim())
  const find = (name: string): string | undefined =>
    tags.find((tag) => tag.startsWith(`${name} `))?.slice(name.length + 1)
  return { text, since: find("since"), stability: find("stability"), see: find("see") }
}

/** What a re-export says comes before what the declaration says. */
export const merge = (first: DocComment, second: DocComment): DocComment => ({
  text: first.text || second.text,
  since: first.since ?? second.since,
  stability: first.stability ?? second.stability,
  see: first.see ?? second.see
})
