import { describe, expect, it } from "vitest"
import { anchors } from "../anchors.ts"

describe("the anchors of headings", () => {
  it("are those that GitHub makes, also of code, marks and a title that comes again", () => {
    expect(anchors(["What to know, first", "`error.next` & more", "Poll", "poll", "poll"])).toEqual([
      "what-to-know-first",
      "errornext--more",
      "poll",
      "poll-1",
      "poll-2"
    ])
  })
})
