import { Command, InvalidArgumentError } from 'commander'
import { modelOption } from './options.ts'
import type { CalibrateFlags } from './run-calibration.ts'

export function calibrateCommand(signal: AbortSignal): Command {
  return new Command('calibrate')
    .description('Find the layers that look where the answer is, from questions whose place is known')
    .argument(
      '<questions>',
      'JSON or JSON Lines: {"picture": file beside it, "question", "box": {x, y, width, height} in pixels}',
    )
    .option(...modelOption)
    .option('--count <n>', 'how many layers to choose', parseCount, 1)
    .option('--limit <n>', 'take the first n questions only', parseCount)
    .option('--out <file.json>', 'write them where --layers can read them; killed, it goes on when run again')
    .option('--json', 'print one JSON object, and nothing else')
    .action(async (questions: string, flags: CalibrateFlags) => {
      const { runCalibration } = await import('./run-calibration.ts')
      return runCalibration(questions, flags, signal)
    })
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a number from 1 on.`)
  return Number(text)
}
