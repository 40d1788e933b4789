// What was seen, on the terminal and in docs/many-machines.md.
import type { Figure } from "./judge/Figure.ts"
import type { Settings } from "./Settings.ts"

export const print = (figures: ReadonlyArray<Figure>): string =>
  figures
    .map(({ holds, limit, title, value }) => {
      const wanted = limit === undefined ? "" : `  (${limit})`
      return `${holds ? " " : "✗"} ${title.padEnd(76)} ${value}${wanted}`
    })
    .join("\n")

const rowOf = ({ limit = "", title, value }: Figure): string => `| ${title} | ${value} | ${limit} |`

const table = (
  { approvals, faults, interval, outage, pingFallback, requestTimeout }: Settings,
  figures: ReadonlyArray<Figure>
): string => `Three workers, ${approvals.toLocaleString("en")} approvals, half of them by ping; interval ${interval} s, ping fallback ${pingFallback} s, request timeout ${requestTimeout} s;
${faults} seconds of SIGKILL, SIGSTOP and cut sockets, then PostgreSQL stopped for ${outage} seconds. Provider, workers and PostgreSQL share two cores.

| what | seen | limit |
| --- | --- | --- |
${figures.map(rowOf).join("\n")}`

const marks = /(<!-- machines -->\n).*(\n<!-- end of machines -->)/s

/** The page with what was seen. */
export const write = (page: string, settings: Settings, figures: ReadonlyArray<Figure>): string =>
  page.replace(marks, (_, begin, end) => `${begin}${table(settings, figures)}${end}`)
