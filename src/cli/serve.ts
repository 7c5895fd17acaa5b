import { Command, Option } from 'commander'
import { collect, methodOption, modelOption, usage, withMapOptions, withOpenOptions } from './options.ts'
import type { ServeFlags } from './run-server.ts'
import type { LogLevel } from './server-log.ts'

const logLevels: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'silent']

export function serveCommand(version: string, signal: AbortSignal): Command {
  const command = new Command('serve')
    .description('Answer questions over HTTP, as servers of the OpenAI API do')
    .option(...modelOption)
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <n>', 'the port; 0: any that is free', whole(0, 65_535), 8088)
    .option('--api-key <key>', 'let in who knows it (repeat it); also VICROP_API_KEY', collect)
    .option('--api-key-file <file>', 'the same from a file, a key a line')
    .option(
      '--cors <origin>',
      'let pages of an origin in, such as https://example.org (repeat it)',
      collect,
      [],
    )
    .option(
      '--max-queue <n>',
      'requests taken in at once; more are told to come again',
      whole(1, 100_000),
      32,
    )
    .option('--timeout <seconds>', 'what a request may take in all', whole(1, 86_400), 300)
    .option('--max-new-tokens <n>', 'the most tokens of an answer', whole(1, 100_000), 128)
    .option('--max-image-bytes <n>', "bytes of a picture's file", whole(1, 2 ** 28), 20 * 2 ** 20)
    .option('--max-pixels-in <n>', 'pixels of a picture', whole(1, 178_956_970), 50_000_000)
    .option('--pictures <n>', 'pictures kept encoded', whole(1, 100_000), 16)
    .option('--picture-bytes <n>', 'memory that they may take', whole(1, 2 ** 40), 2 ** 31)
    .option('--no-url-images', 'take pictures as data URLs alone, and fetch none')
    .option('--allow-private-urls', 'fetch pictures from private addresses and this machine too')
    .option(
      '--upstream <url>',
      'let a server of the OpenAI API answer, such as http://127.0.0.1:8000/v1, and show it the crop',
      usage(parseUrl),
    )
    .option('--upstream-model <name>', 'the model to ask it for (default: the one that clients ask for)')
    .option('--upstream-key <key>', 'its API key; also VICROP_UPSTREAM_KEY')
    .addOption(new Option('--log-level <name>', 'what is logged').choices(logLevels).default('info'))
    .addOption(methodOption())
  return withOpenOptions(withMapOptions(command)).action(async (flags: ServeFlags) => {
    const { runServer } = await import('./run-server.ts')
    return runServer(flags, version, signal)
  })
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') return url.href
  throw new Error(`"${text}" is no URL to ask. Give one such as http://127.0.0.1:8000/v1.`)
}

/** A parser of whole numbers from one to another. */
function whole(least: number, most: number): (text: string) => number {
  return usage(text => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new Error(`"${text}" is no whole number from ${least} to ${most}.`)
  })
}
