import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

// The time limit ends a test that hangs; it is no measure of speed.
const project = (name: string, include: string, exclude: ReadonlyArray<string> = []) => ({
  test: { name, include: [include], exclude: ["**/node_modules/**", ...exclude], testTimeout: 30_000 }
})

// Vitest leaves a core to itself, which is one of two where CI runs.
export default defineConfig({
  test: {
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      project("core", "packages/core/test/**/*.test.ts"),
      project("durable", "packages/durable/test/**/*.test.ts"),
      project("platform-node", "packages/platform-node/test/**/*.test.ts"),
      project("testing", "packages/testing/test/**/*.test.ts"),
      project("e2e", "e2e/**/*.test.ts", ["e2e/browser/**", "e2e/servers/**"]),
      project("scripts", "scripts/test/**/*.test.ts"),
      project("docs", "docs/**/*.test.ts"),
      project("site", "site/test/**/*.test.ts"),
      project("bench", "bench/test/**/*.test.ts")
    ],
    reporters: ["default", "./e2e/MatrixReporter.ts", ["json", { outputFile: ".cache/vitest.json" }]]
  }
})
