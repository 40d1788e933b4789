// The packages with the Node.js binaries say their platform as a text, which pnpm reads in lists alone: it would install all of them.
const platform = /^node-(linux|win)-(x64|arm64)$/

export const hooks = {
  readPackage: (manifest) => {
    const [, os, cpu] = platform.exec(manifest.name ?? "") ?? []
    return os === undefined ? manifest : { ...manifest, os: [os === "win" ? "win32" : os], cpu: [cpu] }
  }
}
