import { expect, it } from "vitest"
import * as ClaimWindow from "../../src/internal/ClaimWindow.ts"

const grow = (window: ClaimWindow.ClaimWindow, polls: number) => {
  for (let sent = 0; sent < polls; sent += 1) window.recordSent()
}

it("a window begins with eight, and grows by one with four polls that are sent", () => {
  const window = ClaimWindow.make(16)
  expect(window.size()).toBe(8)
  grow(window, 20)
  expect(window.size()).toBe(13)
  grow(window, 20)
  expect(window.size()).toBe(16)
  expect(ClaimWindow.make(2).size()).toBe(2)
})

it("a window is halved once for all claims that were made with one size, and is never empty", () => {
  const window = ClaimWindow.make(256)
  grow(window, 1000)
  window.recordExpired(1000, 4001)
  window.recordExpired(1000, 4002)
  window.recordExpired(4000, 4003)
  expect(window.size()).toBe(128)
  for (let now = 5000; now < 100_000; now += 4000) window.recordExpired(now, now + 3001)
  expect(window.size()).toBe(1)
})
