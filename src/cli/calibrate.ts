import { Command } from 'commander'
import { modelOption, parseCount, usage } from './options.ts'
import type { CalibrateFlags } from './run-calibration.ts'

export function calibrateCommand(signal: AbortSignal): Command {
  return new Command('calibrate')
    .description('Find the layers that look where the answer is, from questions whose place is known')
    .argument(
      '<questions>',
      'JSON or JSON Lines: {"picture": file beside it, "question", "box": {x, y, width, height} in pixels}',
    )
    .option(...modelOption)
    .option('--count <n>', 'how many layers to choose', usage(parseCount), 1)
    .option('--limit <n>', 'take the first n questions only', usage(parseCount))
    .option('--out <file.json>', 'write them where --layers can read them; killed, it goes on when run again')
    .option('--json', 'print one JSON object, and nothing else')
    .action(async (questions: string, flags: CalibrateFlags) => {
      const { runCalibration } = await import('./run-calibration.ts')
      return runCalibration(questions, flags, signal)
    })
}
