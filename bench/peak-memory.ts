import { Worker } from 'node:worker_threads'

/** The most memory that a process has had since it was asked last, in bytes. */
export interface Peak {
  /** What it has allocated. */
  readonly ownBytes: number
  /** That, and the parts of mapped files that are in memory, each counted once. */
  readonly totalBytes: number
}

/** Looks at this process's memory from a thread of its own, as the engine holds up the main one. Linux only. */
export function watchMemory(): { peak(): Promise<Peak>; stop(): Promise<unknown> } {
  const worker = new Worker(watching, { eval: true })
  return {
    peak: () =>
      new Promise(resolve => {
        worker.once('message', resolve)
        worker.postMessage(null)
      }),
    stop: () => worker.terminate(),
  }
}

const watching = `
  const { readFileSync } = require('node:fs')
  const { parentPort } = require('node:worker_threads')
  const read = (file, key) => 1024 * Number(new RegExp('^' + key + ':\\\\s+(\\\\d+) kB$', 'm').exec(readFileSync(file, 'utf8'))[1])
  let peak = { ownBytes: 0, totalBytes: 0 }
  const look = () => {
    peak.ownBytes = Math.max(peak.ownBytes, read('/proc/self/status', 'RssAnon'))
    peak.totalBytes = Math.max(peak.totalBytes, read('/proc/self/smaps_rollup', 'Pss'))
  }
  setInterval(look, 50)
  parentPort.on('message', () => {
    look()
    parentPort.postMessage(peak)
    peak = { ownBytes: 0, totalBytes: 0 }
  })`
