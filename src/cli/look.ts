import { Command } from 'commander'
import type { LookOptions } from '../options.ts'
import type { Picture } from '../picture.ts'
import { type LookFlags, withLookOptions } from './options.ts'

export function lookCommand(signal: AbortSignal): Command {
  return withLookOptions(new Command('look'))
    .description('Show where the model looks for a question, and the crop; no answer')
    .action(async (image: string, question: string | undefined, flags: LookFlags) => {
      const { run } = await import('./run.ts')
      const work = ([picture]: readonly Picture[], text: string, options: LookOptions) =>
        (picture as Picture).look(text, options)
      return run({ images: [image], question, flags, signal, work })
    })
}
