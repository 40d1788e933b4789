// The programs of PostgreSQL and its poolers, from Debian's packages. Their servers refuse to run as root.
import { spawnSync } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"

const root = "/usr/lib/postgresql"

const [version] = (existsSync(root) ? readdirSync(root) : [])
  .filter((name) => existsSync(join(root, name, "bin", "initdb")))
  .sort((one, other) => Number(other) - Number(one))

export const isInstalled = version !== undefined

const user = userInfo().uid === 0 ? { uid: Number(spawnSync("id", ["-u", "postgres"]).stdout) } : undefined

/** Runs a program to its end, for what it prints. */
export const run = (file: string, ...parameters: ReadonlyArray<string>): string => {
  const options = { encoding: "utf8", cwd: tmpdir(), maxBuffer: 2 ** 30, ...user } as const
  const { error, status, stderr, stdout } = spawnSync(file, parameters, options)
  if (status !== 0) throw new Error(`${file}: ${error?.message ?? `${stderr}${stdout}`}`)
  return stdout
}

export const programOf = (name: string): string => join(root, version ?? "", "bin", name)

/** Runs a program of the newest PostgreSQL. */
export const runPostgres = (name: string, ...parameters: ReadonlyArray<string>): string =>
  run(programOf(name), ...parameters)

/** A new folder that a server can write to. */
export const makeDirectory = (prefix: string): string => {
  const directory = mkdtempSync(join(tmpdir(), prefix))
  if (user !== undefined) chownSync(directory, user.uid, -1)
  return directory
}
