// A page of the site, as Markdown, and the groups of the side bar.

export interface Page {
  /** The file of the repository that it is made of, from the root. */
  readonly source: string
  /** Where it is on the site: `decisions/0001-stack.md`. */
  readonly path: string
  readonly title: string
  readonly text: string
}

export interface Group {
  readonly title: string
  readonly pages: ReadonlyArray<Page>
}
