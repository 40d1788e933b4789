import { defineConfig } from "vitest/config"

// The tests that judge mutants: those that `scripts/mutation.ts` names, without projects, which Stryker does not know.
export default defineConfig({
  test: { include: process.env.MUTATION_TESTS?.split(",") ?? [], testTimeout: 30_000 }
})
