import { Command, InvalidArgumentError } from 'commander'
import type { LookOptions } from '../options.ts'
import type { Picture } from '../picture.ts'
import { collect, type LookFlags, withLookOptions } from './options.ts'

interface AskFlags extends LookFlags {
  readonly image?: readonly string[]
  readonly maxNewTokens: number
}

export function askCommand(signal: AbortSignal): Command {
  return withLookOptions(new Command('ask'))
    .description('Answer questions about a picture: plain, and with a closer look where the model looks')
    .option('-i, --image <file>', 'one more picture that the questions are about (repeat it)', collect)
    .option('--max-new-tokens <n>', 'the longest answer, in tokens', parseCount, 20)
    .action(async (image: string, question: string | undefined, flags: AskFlags) => {
      // The runtime takes longer to load than a wrong option takes to be noticed.
      const { run } = await import('./run.ts')
      const { maxNewTokens, image: more = [] } = flags
      const work = (pictures: readonly Picture[], text: string, options: LookOptions) => {
        const [picture, ...others] = pictures as [Picture, ...Picture[]]
        return picture.ask(text, { ...options, maxNewTokens, others })
      }
      return run({ images: [image, ...more], question, flags, signal, work })
    })
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new InvalidArgumentError(`"${text}" is not a number of tokens from 1 on.`)
  return Number(text)
}
