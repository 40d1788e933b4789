/** The content of files whose paths a user gives. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, FileSystem, type PlatformError } from "effect"

/** The content, or why there is none. The layer of the file system has no state, and is shared between clients. */
export const read = (path: string): Effect.Effect<Uint8Array, string> =>
  FileSystem.FileSystem.use((files) => files.readFile(path)).pipe(
    Effect.mapError(({ reason }) =>
      isContent(path) ? "give the path of a file, not its content" : (problems[reason._tag] ?? "it cannot be read")
    ),
    Effect.provide(NodeFileSystem.layer)
  )

/** A key or a URL, which an error does not show: PEM, a JWK, the base64 of them or of DER, and what is long without a folder or an extension. */
export const isContent = (path: string): boolean =>
  /[\r\n{]|-----BEGIN|^[A-Za-z]{2,}:|^(LS0t|M[C-I]|eyJ)[\w+/=-]{40,}$|^[\w+=-]{40,}$/.test(path)

const problems: Partial<Record<PlatformError.PlatformError["reason"]["_tag"], string>> = {
  NotFound: "there is no such file; check the path, and that the volume is mounted",
  PermissionDenied: "it may not be read; give this process's user the right to read it",
  BadResource: "it is no file; give the path of one"
}
