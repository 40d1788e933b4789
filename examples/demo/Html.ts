/** HTML in which every inserted value is escaped, except other `Html`. */
export class Html {
  readonly markup: string
  constructor(markup: string) {
    this.markup = markup
  }
}

type Part = string | number | Html | ReadonlyArray<Html>

export const html = (texts: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html =>
  new Html(texts.map((text, index) => text + markup(parts[index] ?? "")).join(""))

const markup = (part: Part): string => {
  if (part instanceof Html) return part.markup
  if (typeof part === "object") return part.map(markup).join("")
  return String(part).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
