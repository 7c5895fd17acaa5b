import { Command } from 'commander'
import type { McpFlags } from './mcp-run.ts'
import { methodOption, modelOption, withMapOptions, withOpenOptions } from './options.ts'

export function mcpCommand(version: string, signal: AbortSignal): Command {
  const command = new Command('mcp')
    .description('Serve look and ask as tools of the Model Context Protocol, on standard input and output')
    .option(...modelOption)
    .addOption(methodOption())
  return withOpenOptions(withMapOptions(command)).action(async (flags: McpFlags) => {
    const { runMcp } = await import('./mcp-run.ts')
    return runMcp(flags, version, signal)
  })
}
