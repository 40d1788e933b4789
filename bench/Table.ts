// Figures as a table in Markdown.
import { budgets, type Figure, judge } from "./Figure.ts"
import type { Summary } from "./Statistics.ts"

const format = (value: number): string => {
  if (!Number.isFinite(value)) return "–"
  const digits = Math.abs(value) >= 100 || value === 0 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toFixed(digits)
}

/** The median, with the least and the most in parentheses if there are several values. */
const show = (summary: Summary | undefined): string => {
  if (summary === undefined) return ""
  const { least, middle, most } = summary
  return least === most ? format(middle) : `${format(middle)} (${format(least)}–${format(most)})`
}

const row = (figure: Figure): ReadonlyArray<string> => {
  const { name, own, peer, unit, value } = figure
  const budget = budgets[name]
  return [name, unit, show(own), show(peer), show(value), budget === undefined ? "" : `≤ ${budget}`, judge(figure)]
}

const header = ["figure", "unit", "effect-ciba", "openid-client", "ratio, or what is judged", "budget", "verdict"]

export const toMarkdown = (figures: ReadonlyArray<Figure>): string =>
  [header, header.map(() => "---"), ...figures.map(row)].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
