import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidArgumentError } from 'commander'
import ipaddr from 'ipaddr.js'
import type { Method } from '../importance/method.ts'
import { demoModel } from '../load-node.ts'
import { type AppOptions, createApp } from '../server/app.ts'
import { loopbackHosts } from '../server/guards.ts'
import { listen } from '../server/listen.ts'
import { type LookDefaults, withDefaults } from '../server/look-defaults.ts'
import type { UpstreamOptions } from '../server/upstream.ts'
import { ViCrop } from '../vicrop.ts'
import { unreadable } from '../weights/file-node.ts'
import { namedLayers } from './layers-file.ts'
import { type MapFlags, type OpenFlags, openOptions } from './options.ts'
import { openingLine, startProgress } from './progress.ts'
import { type LogLevel, serverLog } from './server-log.ts'

/** The options of `serve`, as commander gives them. */
export interface ServeFlags extends MapFlags, OpenFlags {
  readonly model?: string
  readonly method: Method
  readonly host: string
  readonly port: number
  readonly apiKey?: readonly string[]
  readonly apiKeyFile?: string
  readonly cors: readonly string[]
  readonly maxQueue: number
  readonly timeout: number
  readonly maxNewTokens: number
  readonly maxImageBytes: number
  readonly maxPixelsIn: number
  readonly pictures: number
  readonly pictureBytes: number
  readonly urlImages: boolean
  readonly allowPrivateUrls?: true
  readonly upstream?: string
  readonly upstreamModel?: string
  readonly upstreamKey?: string
  readonly logLevel: LogLevel
}

/** The page of `web/`, as the build puts it beside the command line. */
const pageFolder = fileURLToPath(new URL('../page/', import.meta.url))

/** Over the time of a request, so that those taken in last end by their own limit. */
const drainMs = 10_000

/** Serves until it is interrupted or told to end, and ends when what it has taken in is answered. */
export async function runServer(flags: ServeFlags, version: string, interrupted: AbortSignal): Promise<void> {
  const keys = await readKeys(flags)
  const end = endOf(interrupted)
  const progress = startProgress('opening the model')
  await using vicrop = await openModel(flags, end.signal, progress.say).finally(progress.stop)
  const log = serverLog(flags.logLevel)
  const options = await appOptions(flags, vicrop, keys)
  await checkDefaults(vicrop, options.defaults)
  const app = createApp({ ...options, version, log })
  const server = await listen(app, flags.host, flags.port)
  process.stdout.write(`vicrop serves ${servedName(flags.model)} at ${server.url}/v1\n`)
  if (options.page !== null) process.stdout.write(`page           ${server.url}\n`)
  if (keys.length === 0 && !isLoopback(flags.host))
    log.warn('everybody who reaches this address may use the server: give it an API key')
  await end.promise
  log.info('shutting down: what was taken in is answered first')
  await server.close(1000 * flags.timeout + drainMs)
}

/** Fires when the process is told to end: by Ctrl-C, or as services are. A second time it ends at once. */
function endOf(interrupted: AbortSignal): { signal: AbortSignal; promise: Promise<void> } {
  const ending = new AbortController()
  const { signal } = ending
  const promise = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
  interrupted.addEventListener('abort', () => ending.abort())
  process.once('SIGTERM', () => ending.abort())
  return { signal, promise }
}

const openModel = (flags: ServeFlags, signal: AbortSignal, say: (line: string) => void): Promise<ViCrop> =>
  ViCrop.open(flags.model, { ...openOptions(flags), signal, onProgress: done => say(openingLine(done)) })

async function appOptions(
  flags: ServeFlags,
  vicrop: ViCrop,
  keys: readonly string[],
): Promise<Omit<AppOptions, 'log' | 'version'>> {
  const { method, variant, highRes } = flags
  const layers = await namedLayers(flags, vicrop.layerCount)
  return {
    vicrop,
    model: servedName(flags.model),
    defaults: { method, highRes, ...layers, ...(variant && { variant }) },
    maxNewTokens: flags.maxNewTokens,
    limits: {
      maxQueue: flags.maxQueue,
      timeoutMs: 1000 * flags.timeout,
      maxImageBytes: flags.maxImageBytes,
      maxPixels: flags.maxPixelsIn,
      maxPictures: flags.pictures,
      maxPictureBytes: flags.pictureBytes,
    },
    imageUrls: flags.allowPrivateUrls ? 'any' : flags.urlImages ? 'public' : 'none',
    keys,
    origins: flags.cors,
    hosts: keys.length === 0 && isLoopback(flags.host) ? loopbackHosts : null,
    page: existsSync(pageFolder)
      ? { folder: pageFolder, modelFolder: demoModel, layerCount: vicrop.layerCount }
      : null,
    upstream: upstreamOf(flags),
  }
}

function upstreamOf({
  upstream: url,
  upstreamModel,
  upstreamKey,
  timeout,
}: ServeFlags): UpstreamOptions | null {
  if (url === undefined) return null
  const key = upstreamKey ?? process.env.VICROP_UPSTREAM_KEY ?? null
  return { url, model: upstreamModel ?? null, key, timeoutMs: 1000 * timeout }
}

/** Refuses at the start what no request could be answered with, on a picture of one pixel. */
async function checkDefaults(vicrop: ViCrop, defaults: LookDefaults): Promise<void> {
  using picture = await vicrop.see({ width: 1, height: 1, data: new Uint8Array(3) })
  const crop = { x: 0, y: 0, width: 1, height: 1 }
  await picture.look('Is everything as it should be?', { ...withDefaults({}, defaults), crop })
}

/** An id of the hub as it is; of a folder its name alone, as its place is nobody's business. */
const servedName = (model = 'demo'): string => (existsSync(model) ? basename(resolve(model)) : model)

const isLoopback = (host: string): boolean =>
  host === 'localhost' || (isIP(host) !== 0 && ipaddr.process(host).range() === 'loopback')

async function readKeys({ apiKey = [], apiKeyFile }: ServeFlags): Promise<string[]> {
  const { VICROP_API_KEY: ofEnvironment } = process.env
  const ofFile = apiKeyFile === undefined ? [] : await readKeyFile(apiKeyFile)
  const keys = [...apiKey, ...ofFile, ...(ofEnvironment === undefined ? [] : [ofEnvironment])]
  const empty = keys.some(key => key.trim() === '')
  if (empty) throw new InvalidArgumentError('an API key is empty. Give one, or leave it out.')
  return keys
}

async function readKeyFile(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(error => {
    throw unreadable(path, error)
  })
  const keys = text.split(/\r?\n/).flatMap(line => (line.trim() === '' ? [] : [line.trim()]))
  if (keys.length === 0) throw new Error(`${path}: has no API key. Write one a line.`)
  return keys
}
