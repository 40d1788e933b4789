import { expect, it } from "vitest"
import { runtimesPage } from "../e2e/runtimes/Page.ts"

it("docs/runtimes.md is what the suite of the runtimes lists (npm test -- docs/runtimes.test.ts -u)", async () => {
  await expect(runtimesPage()).toMatchFileSnapshot("runtimes.md")
})
