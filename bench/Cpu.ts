// CPU time of this process, the threads of garbage collection and compilation included.

/** In microseconds for each of `count` runs. */
export const measureCpu = async (count: number, run: () => Promise<unknown>): Promise<number> => {
  globalThis.gc?.()
  const before = process.cpuUsage()
  await run()
  const { system, user } = process.cpuUsage(before)
  return (system + user) / count
}

/** Measures two contenders in turn. */
export const measureInTurn = async (
  rounds: number,
  own: () => Promise<number>,
  peer: () => Promise<number>
): Promise<{ readonly own: ReadonlyArray<number>; readonly peer: ReadonlyArray<number> }> => {
  const values = { own: [] as number[], peer: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    values.peer.push(await peer())
    values.own.push(await own())
  }
  return values
}
