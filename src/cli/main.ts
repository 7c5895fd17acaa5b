#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { askCommand } from './ask.ts'
import { benchCommand } from './bench.ts'
import { calibrateCommand } from './calibrate.ts'
import { lookCommand } from './look.ts'
import { mcpCommand } from './mcp.ts'
import { modelsCommand } from './models.ts'
import { oneLine } from './print.ts'
import { serveCommand } from './serve.ts'

const { version, description } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
)

/** Exit statuses: what failed, and what the user asked for in a way that cannot be. */
const failed = 1
const misused = 2
const interrupted = 130

const interruption = new AbortController()
process.once('SIGINT', () => interruption.abort())

// Who reads the answers may stop before the last one, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

const program = new Command('vicrop')
  .description(description)
  .version(version)
  .addCommand(askCommand(interruption.signal))
  .addCommand(lookCommand(interruption.signal))
  .addCommand(calibrateCommand(interruption.signal))
  .addCommand(modelsCommand(interruption.signal))
  .addCommand(benchCommand(interruption.signal))
  .addCommand(serveCommand(version, interruption.signal))
  .addCommand(mcpCommand(version, interruption.signal))
  .configureHelp({ showGlobalOptions: true })

const withinCommands = program.commands.flatMap(command => command.commands)
for (const command of [program, ...program.commands, ...withinCommands]) {
  command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError()
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

/** One line on standard error that says what to do. */
function report(error: unknown): number {
  if (interruption.signal.aborted) return interrupted
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  // Called without a command, and the help was the answer.
  if (error instanceof CommanderError && error.code === 'commander.help') return misused
  const message = oneLine(error instanceof Error ? error.message : String(error))
  process.stderr.write(`vicrop: ${message.replace(/^error: /, '')}\n`)
  if (process.env.VICROP_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return error instanceof CommanderError ? misused : failed
}
