import { defineConfig } from "vitest/config"

// The tests that judge mutants: those that `scripts/run-mutation.ts` names, one after the other, in one process.
export default defineConfig({
  test: {
    include: process.env.MUTATION_TESTS?.split(",") ?? [],
    isolate: false,
    maxWorkers: 1,
    maxConcurrency: 1,
    bail: 1,
    runner: "./scripts/mutation/JudgingRunner.ts",
    onConsoleLog: () => false,
    testTimeout: 30_000
  }
})
