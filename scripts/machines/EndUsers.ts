// The end-users of the provider, who decide when the run says so.
import { TestUser } from "@effect-ciba/testing"

const count = 60

export const hintOf = (number: number): string => `end-user-${number % count}@example.com`

export const endUsers: ReadonlyArray<TestUser.TestUser> = Array.from({ length: count }, (_, number) => ({
  ...TestUser.ignore,
  subject: `subject-${number}`,
  loginHint: hintOf(number)
}))
