// The anchors of headings, as GitHub makes them: a link to a heading works there, and on the site.

export const anchor = (title: string): string =>
  title
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-")

/** Those of a page's headings, in order: the second of two with one title ends in `-1`. */
export const anchors = (titles: ReadonlyArray<string>): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  return titles.map((title) => {
    const own = anchor(title)
    const count = counts.get(own) ?? 0
    counts.set(own, count + 1)
    return count === 0 ? own : `${own}-${count}`
  })
}
