import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "servers",
    include: ["e2e/servers/**/*.server.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    maxConcurrency: 12,
    reporters: ["default", ["json", { outputFile: ".cache/vitest-servers.json" }]]
  }
})
