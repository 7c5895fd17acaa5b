import { Command } from 'commander'
import { type LookFlags, withLookOptions } from './options.ts'
import { run } from './run.ts'

export function lookCommand(signal: AbortSignal): Command {
  return withLookOptions(new Command('look'))
    .description('Show where the model looks for a question, and the crop; no answer')
    .action((image: string, question: string | undefined, flags: LookFlags) =>
      run({ image, question, flags, signal, work: (picture, text, options) => picture.look(text, options) }),
    )
}
