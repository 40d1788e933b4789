import { expect, it } from "vitest"
import * as ClaimWindow from "../../src/internal/ClaimWindow.ts"

it("a window is halved once for all claims that were made with one size, and is never empty", () => {
  const window = ClaimWindow.make(256)
  window.recordExpired(1000, 4001)
  window.recordExpired(1000, 4002)
  window.recordExpired(4000, 4003)
  expect(window.size()).toBe(128)
  for (let now = 5000; now < 100_000; now += 4000) window.recordExpired(now, now + 3001)
  expect(window.size()).toBe(1)
})

it("a window grows with each poll that is sent, up to its first size", () => {
  const window = ClaimWindow.make(16)
  window.recordExpired(1000, 4001)
  for (let sent = 0; sent < 5; sent += 1) window.recordSent()
  expect(window.size()).toBe(13)
  for (let sent = 0; sent < 5; sent += 1) window.recordSent()
  expect(window.size()).toBe(16)
})
