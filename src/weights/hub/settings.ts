import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { quote, WeightsError } from '../error.ts'

/** Where models come from and where they are kept. */
export interface Hub {
  /** "https://huggingface.co", without a slash at the end. */
  readonly endpoint: string
  /** Sent to the endpoint's origin alone. */
  readonly token: string | null
  /** The folder of `models--org--name`, shared with the Python tools. */
  readonly cache: string
  /** Nothing is asked of the endpoint. */
  readonly offline: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The hub as the Python tools find it: `HF_ENDPOINT`, `HF_TOKEN` or the file at `HF_TOKEN_PATH` (in `HF_HOME` that
 * `hf auth login` writes), `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, `HF_HUB_OFFLINE`, and the older names of these
 * that are still in use.
 *
 * @throws WeightsError when the endpoint is no address or the token none that can be sent
 */
export async function hubOfEnvironment(environment: Environment = process.env): Promise<Hub> {
  const { HF_ENDPOINT, HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE } = environment
  return {
    endpoint: endpointOf(HF_ENDPOINT || 'https://huggingface.co'),
    token: await tokenOf(environment),
    cache: hubCache(environment),
    offline: isTrue(HF_HUB_OFFLINE || TRANSFORMERS_OFFLINE),
  }
}

/** The folder of the cache. */
export function hubCache(environment: Environment = process.env): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = environment
  return expandHome(HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(hubHome(environment), 'hub'))
}

function hubHome({ HF_HOME, XDG_CACHE_HOME }: Environment): string {
  return expandHome(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'))
}

/** A shell has done this already, a file of variables or a container has not. */
const expandHome = (path: string): string => path.replace(/^~(?=$|[\\/])/, homedir())

const isTrue = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '')

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return url.href.replace(/\/+$/, '')
  }
  throw new WeightsError(
    `HF_ENDPOINT: ${quote(text)} is not the address of a hub; give one such as https://huggingface.co.`,
  )
}

async function tokenOf(environment: Environment): Promise<string | null> {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH } = environment
  const path = expandHome(HF_TOKEN_PATH || join(hubHome(environment), 'token'))
  const given = HF_TOKEN || HUGGING_FACE_HUB_TOKEN
  const token = (given || (await readFile(path, 'utf8').catch(() => ''))).trim()
  if (token === '') return null
  if (/^[\x21-\x7e]+$/.test(token)) return token
  const where = given ? 'HF_TOKEN' : path
  throw new WeightsError(`${where}: holds no token of the hub, which is one word; log in again or unset it.`)
}
