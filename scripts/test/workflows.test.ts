import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "../..")
const workflows = join(root, ".github/workflows")
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

describe("the workflows of GitHub", () => {
  for (const file of readdirSync(workflows)) {
    const text = readFileSync(join(workflows, file), "utf8")

    it(`run in ${file} only what this repository has`, () => {
      const tasks = Array.from(text.matchAll(/npm run ([\w:-]+)/g), ([, task = ""]) => task)
      const files = Array.from(text.matchAll(/run: (\.\S+)/g), ([, path = ""]) => path)
      expect(tasks.length).toBeGreaterThan(0)
      expect(tasks.filter((task) => !(task in scripts))).toEqual([])
      expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([])
    })

    it(`name in ${file} a version of each action`, () => {
      const actions = Array.from(text.matchAll(/uses: (\S+)/g), ([, action = ""]) => action)
      expect(actions.length).toBeGreaterThan(0)
      expect(actions.filter((action) => !/^[\w-]+\/[\w-]+@(v\d+|[0-9a-f]{40})$/.test(action))).toEqual([])
    })
  }

  it("publish with provenance, and make nothing latest before it is verified and approved", () => {
    const text = readFileSync(join(workflows, "release.yml"), "utf8")
    const order = ["publish --provenance", "release -- verify", "environment: npm-latest", "release -- promote"]
    const places = order.map((step) => text.indexOf(step))
    expect(places).toEqual(places.toSorted((one, other) => one - other))
    expect(places[0]).toBeGreaterThan(0)
    expect(text).toMatch(/promote:\n\s+needs: verify/)
    expect(text).toMatch(/verify:\n\s+needs: publish/)
  })
})
