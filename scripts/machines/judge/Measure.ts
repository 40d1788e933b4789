// Measures of time and cost: what they leave out, and when they are judged.
import type { Evidence } from "../Evidence.ts"
import { type Figure, show } from "./Figure.ts"

/** After PostgreSQL has come back, all that has become due meanwhile is polled for; in milliseconds. */
const settling = 10_000

/** Whether what began and ended at these instants was held up by the outage. */
export const isHeldUp = ({ outage }: Evidence, began: number, ended: number): boolean =>
  ended > outage.from && began < outage.to + settling

/** A figure that is as good as the machine is idle: other runs show it alone. */
export const judgeMeasure = ({ settings }: Evidence, figure: Figure): Figure =>
  settings.judgesMeasures ? figure : show(figure.title, figure.value)
