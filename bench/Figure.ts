// What a level measures: a figure of ours, and of openid-client in the same run, with its budget if there is one.
import type { Summary } from "./Statistics.ts"

export interface Figure {
  /** The name of its row in `budgets`, or of a figure without a budget. */
  readonly name: string
  readonly unit: string
  readonly own: Summary
  readonly peer?: Summary | undefined
  /** What the budget is about: mostly ours over openid-client's. */
  readonly value?: Summary | undefined
}

/** The most that `value` of a figure may be. */
export const budgets: Readonly<Record<string, number>> = {
  "whole flow, client_secret_post": 1.1,
  "whole flow, private_key_jwt and DPoP": 1.2,
  "pending poll over http": 0.5,
  "flow with three pending polls over http": 0.7,
  "flow without a pending poll over http": 0.95,
  "pending poll of 5,000 waits": 0.7,
  "heap of a sleeping wait, KiB": 3.5,
  "heap of a wait, hundredth poll over first": 1.05,
  "starting 100,000 waits": 3,
  "starting 100,000 waits, seconds": 60,
  "a start of 100,000 over one of 10,000": 1.5,
  "lateness of 20,000 waits, p99": 0.1,
  "early polls of 20,000 waits": 0,
  "traced flow over untraced": 2,
  "import over that of effect": 1.25,
  "poll-only bundle beyond effect, kB": 25
}

export type Verdict = "met" | "not met" | ""

/** A figure is judged by its median, a ratio by the least of both sides. */
export const judge = ({ name, value }: Figure): Verdict => {
  const budget = budgets[name]
  if (budget === undefined) return ""
  return value !== undefined && value.middle <= budget ? "met" : "not met"
}
