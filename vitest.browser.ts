import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "browser",
    include: ["e2e/browser/**/*.browser.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", ["json", { outputFile: ".cache/vitest-browser.json" }]]
  }
})
